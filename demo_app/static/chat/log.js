/* The list of messages: drawing them, days and groups, ticks, older ones, the scroll position. */

import {drawFile, icon} from './files.js';
import {ask, isRoom, socket, state} from './state.js';

const MOST_SHOWN = 400; // messages that stay on the page while its end is read
const GROUP = 300;      // seconds between two messages that are drawn as one

const at = (seconds) => new Date(seconds * 1000);
export const clockOf = (seconds, options) => at(seconds).toLocaleTimeString([], options);
const isSameDay = (one, other) => at(one).toDateString() === at(other).toDateString();

function dayOf(seconds) {
  if (isSameDay(seconds, Date.now() / 1000)) return 'Today';
  if (isSameDay(seconds, Date.now() / 1000 - 86400)) return 'Yesterday';
  return at(seconds).toLocaleDateString([], {weekday: 'long', day: 'numeric', month: 'long'});
}

const items = () => [...document.querySelectorAll('#messages > .message')];
const firstId = () => items().map((item) => Number(item.dataset.id)).find(Boolean) || 0;
export const lastId = () => Math.max(0, ...items().map((item) => Number(item.dataset.id) || 0));

// ---- One message ------------------------------------------------------------------------------

function draw({id, key, sender, nickname, text, at: seconds, delivered, file}) {
  const made = site.element('li', 'message');
  Object.assign(made.dataset, {key, sender, at: seconds});
  if (id) made.dataset.id = id;
  const minute = clockOf(seconds, {hour: '2-digit', minute: '2-digit'});
  const time = site.element('time', 'quiet', minute);
  time.dateTime = at(seconds).toISOString();
  const meta = site.element('div', 'meta');
  meta.append(site.element('b', '', nickname), time);
  const body = site.element('div', 'body');
  body.append(meta);
  if (text) body.append(withLinks(site.element('p', 'text'), text));
  if (file) body.append(drawFile(file));
  made.append(site.avatar({id: sender, nickname}), body);
  if (sender === state.me.id) {
    made.classList.add('mine');
    made.append(site.element('span', 'tick'));
    if (delivered) made.dataset.delivered = '';
    drawTick(made);
  }
  return made;
}

/** The text with its web addresses as links. */
function withLinks(target, text) {
  for (const part of text.split(/(\bhttps?:\/\/[^\s<>"]+[^\s<>".,;:!?')\]])/i)) {
    if (/^https?:\/\//i.test(part)) {
      const link = site.element('a', '', part);
      link.href = part;
      link.target = '_blank';
      link.rel = 'noopener noreferrer nofollow';
      target.append(link);
    } else {
      target.append(part);
    }
  }
  return target;
}

export function drawDraft(key, {text, file, at: seconds, failed}, retry) {
  const made = draw({key, text, file, at: seconds,
    sender: state.me.id, nickname: state.me.nickname});
  made.classList.add(failed ? 'failed' : 'pending');
  if (failed) {
    const note = site.element('p', 'note', failed);
    const again = site.element('button', '', 'Try again');
    again.addEventListener('click', retry);
    note.append(' ', again);
    made.querySelector('.body').append(note);
    made.querySelector('.tick').replaceChildren();
  }
  return made;
}

// ---- Ticks: on its way, with the server, with somebody else, seen by somebody else ------------

function drawTick(item) {
  const readers = [...state.seen.values()].filter(({id, message}) => (
    id !== state.me.id && item.dataset.id && message >= Number(item.dataset.id)));
  let kind = item.dataset.id ? 'sent' : 'sending';
  let label = item.dataset.id ? 'Sent' : 'Waiting to be sent';
  if (readers.length) {
    kind = 'seen';
    const names = readers.slice(0, 3).map(({nickname}) => nickname).join(', ');
    const others = readers.length > 3 ? ` and ${readers.length - 3} more` : '';
    label = isRoom(state.conversation) ? `Seen by ${names}${others}` : 'Seen';
  } else if ('delivered' in item.dataset) {
    [kind, label] = ['delivered', 'Delivered'];
  }
  const tick = item.querySelector('.tick');
  if (tick.dataset.kind === kind && tick.title === label) return;
  tick.dataset.kind = kind;
  tick.title = label;
  tick.replaceChildren(icon(kind), site.element('span', 'visually-hidden', label));
}

export function drawTicks() {
  for (const item of document.querySelectorAll('.message.mine:not(.failed)')) drawTick(item);
}

export function setDelivered(id) {
  const item = document.querySelector(`.message.mine[data-id="${Number(id)}"]`);
  if (!item) return;
  item.dataset.delivered = '';
  drawTick(item);
}

/** Tells the server what has been seen, if there is something new and it really is in sight. */
export function reportSeen() {
  if (document.hidden || !state.conversation || !isAtEnd()) return;
  const others = items().filter(({dataset}) => dataset.id && dataset.sender !== state.me.id);
  const newest = Number(others.at(-1)?.dataset.id || 0);
  if (newest <= (state.seen.get(state.me.id)?.message || 0) || !socket.connected) return;
  state.seen.set(state.me.id, {...state.me, message: newest});
  socket.emit('seen', state.conversation, newest);
}

// ---- The list ---------------------------------------------------------------------------------

/** Shows what there is of a conversation just opened. */
export function showAll(messages, more) {
  $('loading').hidden = true;
  $('messages').replaceChildren(...messages.map(draw));
  setMore(more);
  arrange();
  scrollDown();
}

/** Shows what came while the page was away, below a line that says so. */
export function showMissed(messages) {
  for (const message of messages) put(draw(message));
  const first = messages.find(({sender}) => sender !== state.me.id);
  if (first) {
    document.querySelector('.divider.missed')?.remove();
    document.querySelector(`.message[data-id="${Number(first.id)}"]`)
      .before(site.element('li', 'divider missed', 'While you were away'));
    arrange();
  }
  scrollDown();
}

export function show(message) {
  const stay = isAtEnd();
  put(draw(message));
  if (stay || message.sender === state.me.id) scrollDown();
  else $('newest').hidden = false;
}

/** Adds a message in its place: that of its draft, or behind all earlier ones. */
export function put(item) {
  const known = document.querySelector(`[data-key="${CSS.escape(item.dataset.key)}"]`);
  const idOf = ({dataset}) => Number(dataset.id || Infinity);
  const later = items().find((other) => other !== known && idOf(other) > idOf(item)) || null;
  if (known && (!later || known.nextElementSibling === later)) {
    known.replaceWith(item);
  } else {
    known?.remove();
    $('messages').insertBefore(item, later);
  }
  arrange();
}

/** Days are divided, messages that follow closely on one another are joined. */
function arrange() {
  for (const day of document.querySelectorAll('.divider.day')) day.remove();
  const shown = items();
  if (isAtEnd() && shown.length > MOST_SHOWN) {
    for (const item of shown.splice(0, shown.length - MOST_SHOWN)) item.remove();
    setMore(true);
  }
  let before = null;
  for (const item of shown) {
    const {at: seconds, sender} = item.dataset;
    const sameDay = before !== null && isSameDay(seconds, before.at);
    if (!sameDay) item.before(site.element('li', 'divider day', dayOf(Number(seconds))));
    item.classList.toggle('continued', sameDay && before.sender === sender
      && seconds - before.at < GROUP && item.previousElementSibling.matches('.message'));
    before = item.dataset;
  }
  $('empty').hidden = shown.length > 0 || !$('loading').hidden;
}

// ---- Older ones -------------------------------------------------------------------------------

let loading = false;

function setMore(more) {
  $('older').hidden = !more;
  $('older-error').textContent = '';
}

export async function loadOlder() {
  if (loading || $('older').hidden || !socket.connected) return;
  loading = true;
  $('load-older').disabled = true;
  $('load-older').replaceChildren(site.element('span', 'spinner'), 'Loading…');
  const {conversation} = state;
  const answer = await ask('older', conversation, firstId());
  loading = false;
  $('load-older').disabled = false;
  $('load-older').textContent = 'Load older messages';
  if (conversation !== state.conversation) return;
  if (answer.error) {
    $('older-error').textContent = answer.error;
    return;
  }
  const fromEnd = $('scroll').scrollHeight - $('scroll').scrollTop;
  $('messages').prepend(...answer.messages.map(draw));
  setMore(answer.more);
  arrange();
  $('scroll').scrollTop = $('scroll').scrollHeight - fromEnd; // what is read stays where it is
  if (document.activeElement === document.body) $('scroll').focus();
}

$('load-older').addEventListener('click', loadOlder);
new IntersectionObserver((entries) => {
  const near = entries.some(({isIntersecting}) => isIntersecting);
  if (near && !$('older-error').textContent) loadOlder();
}, {root: $('scroll'), rootMargin: '200px 0px 0px'}).observe($('older'));

// ---- The scroll position ----------------------------------------------------------------------

export function isAtEnd() {
  const box = $('scroll');
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
}

export function scrollDown() {
  $('scroll').scrollTop = $('scroll').scrollHeight;
  $('newest').hidden = true;
  reportSeen();
}

$('newest').addEventListener('click', () => {
  scrollDown();
  $('scroll').focus();
});
let atEnd = true; // when it was scrolled last
$('scroll').addEventListener('scroll', () => {
  atEnd = isAtEnd();
  if (!atEnd) return;
  $('newest').hidden = true;
  reportSeen();
});
// A keyboard comes onto the screen, the composer grows: the end stays in sight.
new ResizeObserver(() => { if (atEnd) scrollDown(); }).observe($('scroll'));
