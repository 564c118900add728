/* The chat page. Whatever people wrote reaches the page as textContent, never as markup. */
'use strict';

const $ = (id) => document.getElementById(id);
const MOST_SHOWN = 500; // messages of a conversation that stay on the page
const parameters = new URLSearchParams(location.search);

const state = {
  me: null,            // {id, nickname}
  rooms: [],           // [{name, people}]
  online: new Map(),   // user id -> person
  partners: new Map(), // user id -> person, those with whom there are direct messages
  unread: new Map(),   // conversation -> number of messages not seen
  people: [],          // in the open room
  conversation: null,  // 'room:<name>' or 'direct:<id>:<id>'
  drafts: new Map(),   // conversation -> text in the composer, not sent
  pending: new Map(),  // key -> {conversation, text, at, failed}
};

// `?transports=polling` shows the chat without WebSocket.
const socket = io({
  autoConnect: false,
  transports: parameters.has('transports') ? parameters.get('transports').split(',') : undefined,
  auth: (send) => send({nickname: localStorage.getItem('nickname')}),
});

// ---- Small helpers ----------------------------------------------------------------------------

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function avatar(person, className = '') {
  const made = element('span', `avatar ${className}`);
  paint(made, person);
  return made;
}

function paint(target, person) {
  let hash = 7;
  for (const char of person.id) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193);
  target.style.setProperty('--hue', (hash >>> 0) % 360);
  target.textContent = [...person.nickname][0].toUpperCase();
  target.setAttribute('aria-hidden', 'true');
}

const isRoom = (conversation) => conversation.startsWith('room:');
const roomName = (conversation) => conversation.slice('room:'.length);
const directWith = (id) => `direct:${[state.me.id, id].sort().join(':')}`;
const partnerOf = (conversation) => conversation.split(':').slice(1).find((id) => id !== state.me.id);
const personOf = (id) => state.online.get(id) || state.partners.get(id);

const clockOf = (seconds, options) => new Date(seconds * 1000).toLocaleTimeString([], options);
const isSameDay = (one, other) => (
  new Date(one * 1000).toDateString() === new Date(other * 1000).toDateString());
const dayOf = (seconds) => new Date(seconds * 1000).toLocaleDateString([], {
  weekday: 'long', day: 'numeric', month: 'long',
});

// ---- The door ---------------------------------------------------------------------------------

/** The chat in the state of not being connected yet, or the door if there is no nickname. */
function enter() {
  if (!localStorage.getItem('nickname')) return showDoor();
  socket.connect();
  $('door').hidden = true;
  $('app').hidden = false;
  showLink('Connecting', 'Connecting to the server…');
}

function showDoor(message = '') {
  $('app').hidden = true;
  $('door').hidden = false;
  $('sign-in-error').textContent = message;
  $('nickname').value = localStorage.getItem('nickname') || '';
  $('nickname').setAttribute('aria-invalid', String(message !== ''));
  $('nickname').select();
  $('nickname').focus();
}

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const nickname = $('nickname').value.trim();
  if (!nickname) return showDoor('Type a nickname first.');
  localStorage.setItem('nickname', nickname);
  enter();
});

$('change-name').addEventListener('click', () => {
  socket.disconnect();
  showDoor();
});

// ---- Connection -------------------------------------------------------------------------------

socket.on('connect', () => {
  showLink({websocket: 'WebSocket', polling: 'Polling'}[socket.io.engine.transport.name]);
});

socket.on('disconnect', (reason) => {
  if (reason === 'io server disconnect') showDoor('The server has ended your visit.');
  else showLink('Offline', 'Connection lost. What you write is sent as soon as it is back.');
});

socket.on('connect_error', (error) => {
  if (!socket.active) showDoor(error.message); // the server says no
  else if (!state.me) showLink('Offline', 'The server does not answer. Trying again…');
});

/** What connects the page: the label, and the banner if there is something to say. */
function showLink(label, banner = '') {
  $('link').textContent = label;
  $('link').classList.toggle('off', banner !== '');
  $('offline-text').textContent = banner;
  $('offline').hidden = banner === '';
}

socket.on('welcome', ({me, partners, time}) => {
  setMe(me);
  showTime(time);
  state.partners = new Map(partners.map((person) => [person.id, person]));
  const wanted = decodeURIComponent(location.hash.slice(1));
  open(wanted || state.conversation || 'room:Lobby');
});

socket.on('me', setMe);

socket.on('overview', ({rooms, online}) => {
  state.rooms = rooms;
  state.online = new Map(online.map((person) => [person.id, person]));
  drawNav();
  drawHead();
});

socket.on('people', ({conversation, people}) => {
  if (conversation !== state.conversation) return;
  state.people = people;
  drawPeople();
});

socket.on('time', showTime);

socket.on('message', (message) => {
  if (message.conversation === state.conversation) {
    show(message);
  }
  if (isRoom(message.conversation)) return;
  const partner = partnerOf(message.conversation);
  if (!state.partners.has(partner)) {
    state.partners.set(partner, personOf(partner) || {id: partner, nickname: message.nickname});
  }
  const seen = message.conversation === state.conversation && !document.hidden;
  if (!seen && message.sender !== state.me.id) {
    state.unread.set(message.conversation, (state.unread.get(message.conversation) || 0) + 1);
  }
  drawNav();
});

function setMe(me) {
  state.me = me;
  localStorage.setItem('nickname', me.nickname);
  $('my-name').textContent = me.nickname;
  paint($('my-avatar'), me);
}

function showTime(seconds) {
  $('server-time').textContent = clockOf(seconds);
  $('server-time').dateTime = new Date(seconds * 1000).toISOString();
}

// ---- Conversations ----------------------------------------------------------------------------

async function open(conversation) {
  closeDrawers();
  let answer;
  try {
    answer = await socket.emitWithAck('open', conversation);
  } catch {
    return; // the connection is gone; `welcome` opens it again
  }
  if (answer.error) {
    if (conversation !== 'room:Lobby') go('room:Lobby');
    return;
  }
  const moved = state.conversation !== conversation;
  if (moved && state.conversation) {
    state.drafts.set(state.conversation, $('text').value);
    $('text').value = state.drafts.get(conversation) || '';
    fitComposer();
  }
  state.conversation = conversation;
  state.people = answer.people;
  state.unread.delete(conversation);
  for (const message of answer.messages) state.pending.delete(message.key);
  const drafts = [...state.pending].filter(([, draft]) => draft.conversation === conversation);
  $('messages').replaceChildren(
    ...answer.messages.map(draw), ...drafts.map(([key, draft]) => drawDraft(key, draft)));
  arrange();
  drawAll();
  scrollDown();
  if (moved && !matchMedia('(pointer: coarse)').matches) $('text').focus();
}

function go(conversation) {
  const hash = `#${encodeURIComponent(conversation)}`;
  if (location.hash === hash) open(conversation);
  else location.hash = hash;
}

addEventListener('hashchange', () => {
  if (socket.connected) open(decodeURIComponent(location.hash.slice(1)) || 'room:Lobby');
});

$('new-room').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('room-error').textContent = '';
  const answer = await socket.emitWithAck('new room', $('room-name').value)
    .catch(() => ({error: 'Not created: the connection was lost.'}));
  if (answer.error) {
    $('room-error').textContent = answer.error;
  } else {
    $('room-name').value = '';
    go(answer.conversation);
  }
});

// ---- Messages ---------------------------------------------------------------------------------

function show(message) {
  const stay = isAtEnd();
  state.pending.delete(message.key);
  put(draw(message));
  if (stay || message.sender === state.me.id) scrollDown();
  else $('newest').hidden = false;
}

/** Adds a message, or puts it in the place of its draft. */
function put(item) {
  const known = document.querySelector(`[data-key="${CSS.escape(item.dataset.key)}"]`);
  if (known) known.replaceWith(item);
  else $('messages').append(item);
  arrange();
}

function draw({key, sender, nickname, text, at}) {
  const made = element('li', 'message');
  made.dataset.key = key;
  made.dataset.sender = sender;
  made.dataset.at = at;
  made.classList.toggle('mine', sender === state.me.id);
  const body = element('div', 'body');
  const meta = element('div', 'meta');
  const time = element('time', '', clockOf(at, {hour: '2-digit', minute: '2-digit'}));
  time.dateTime = new Date(at * 1000).toISOString();
  meta.append(element('b', '', nickname), time);
  body.append(meta, element('p', 'text', text));
  made.append(avatar({id: sender, nickname}), body);
  return made;
}

/** Days are divided, and messages that follow closely on one another are joined. */
function arrange() {
  for (const day of document.querySelectorAll('.day')) day.remove();
  const items = [...$('messages').children];
  for (const item of items.splice(0, items.length - MOST_SHOWN)) item.remove();
  let before = null;
  for (const item of items) {
    const at = Number(item.dataset.at);
    const sameDay = before && isSameDay(at, Number(before.dataset.at));
    if (!sameDay) item.before(element('li', 'day', dayOf(at)));
    item.classList.toggle('continued', Boolean(sameDay)
      && before.dataset.sender === item.dataset.sender && at - before.dataset.at < 300);
    before = item;
  }
  $('empty').hidden = items.length > 0;
}

function drawDraft(key, {text, at, failed}) {
  const made = draw({key, text, at, sender: state.me.id, nickname: state.me.nickname});
  made.classList.add(failed ? 'failed' : 'pending');
  if (failed) {
    const note = element('p', 'note', failed);
    const retry = element('button', '', 'Try again');
    retry.addEventListener('click', () => deliver(key));
    note.append(' ', retry);
    made.querySelector('.body').append(note);
  }
  return made;
}

function showDraft(key) {
  const draft = state.pending.get(key);
  if (draft.conversation === state.conversation) put(drawDraft(key, draft));
}

async function deliver(key) {
  const draft = state.pending.get(key);
  draft.failed = '';
  showDraft(key);
  const answer = await socket.emitWithAck('say', draft.conversation, draft.text, key)
    .catch(() => ({error: 'Not sent: the connection was lost.'}));
  if (answer.message && !isRoom(draft.conversation)) {
    const partner = partnerOf(draft.conversation);
    state.partners.set(partner, personOf(partner));
    drawNav();
  }
  if (!state.pending.has(key)) return; // shown already, from the history
  if (answer.error) {
    draft.failed = answer.error;
    showDraft(key);
  } else {
    state.pending.delete(key);
    if (draft.conversation === state.conversation) show(answer.message);
  }
}

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!text || !state.conversation) return;
  const random = crypto.getRandomValues(new Uint32Array(4));
  const key = Array.from(random, (value) => value.toString(36)).join('');
  state.pending.set(key, {conversation: state.conversation, text, at: Date.now() / 1000, failed: ''});
  $('text').value = '';
  fitComposer();
  deliver(key);
  scrollDown();
  $('text').focus();
});

$('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('composer').requestSubmit();
  }
});

$('text').addEventListener('input', fitComposer);

function fitComposer() {
  const {style, value} = $('text');
  style.height = '';
  if (value) style.height = `${$('text').scrollHeight}px`;
  $('composer').querySelector('button').disabled = !value.trim();
}

function isAtEnd() {
  const box = $('scroll');
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
}

function scrollDown() {
  $('scroll').scrollTop = $('scroll').scrollHeight;
  $('newest').hidden = true;
}

$('newest').addEventListener('click', scrollDown);
$('scroll').addEventListener('scroll', () => { if (isAtEnd()) $('newest').hidden = true; });

// ---- Margins ----------------------------------------------------------------------------------

function drawAll() {
  drawNav();
  drawHead();
  drawPeople();
}

function entry(conversation, parts) {
  const item = element('li');
  const button = element('button', 'entry');
  button.append(...parts);
  button.setAttribute('aria-current', String(conversation === state.conversation));
  button.addEventListener('click', () => go(conversation));
  item.append(button);
  return item;
}

function drawNav() {
  if (!state.me) return;
  $('rooms').replaceChildren(...state.rooms.map(({name, people}) => {
    const number = element('span', 'number', people || '');
    number.title = people === 1 ? '1 person' : `${people} people`;
    return entry(`room:${name}`, [
      element('span', 'hash', '#'), element('span', 'name', name), number,
    ]);
  }));
  const partners = [...state.partners.keys()];
  const open = state.conversation && !isRoom(state.conversation) && partnerOf(state.conversation);
  if (open && !state.partners.has(open) && personOf(open)) partners.push(open);
  $('directs').replaceChildren(...partners.map((id) => {
    const person = personOf(id);
    const conversation = directWith(id);
    const parts = [
      avatar(person, `small ${state.online.has(id) ? 'online' : 'offline'}`),
      element('span', 'name', person.nickname),
    ];
    const unread = state.unread.get(conversation);
    if (unread) parts.push(element('span', 'unread', unread));
    return entry(conversation, parts);
  }));
  $('no-directs').hidden = partners.length > 0;
  const total = [...state.unread.values()].reduce((sum, count) => sum + count, 0);
  $('unread-anywhere').hidden = total === 0;
  document.title = `${total ? `(${total}) ` : ''}geventio chat`;
}

function drawHead() {
  if (!state.conversation) return;
  const room = isRoom(state.conversation);
  const name = room ? roomName(state.conversation) : personOf(partnerOf(state.conversation))?.nickname;
  const online = !room && state.online.has(partnerOf(state.conversation));
  const here = state.rooms.find((known) => known.name === name)?.people;
  $('title').textContent = room ? `# ${name}` : name;
  if (room) $('subtitle').textContent = here === 1 ? 'Only you are here' : `${here} people here`;
  else $('subtitle').textContent = online ? 'Online. Only the two of you see this.' : 'Offline now, and will find this later.';
  $('text').placeholder = room ? `Message #${name}` : `Message ${name}`;
  $('empty').textContent = room
    ? `Nothing has been said in #${name} yet. Say the first word.`
    : `This is the start of your conversation with ${name}.`;
  $('empty').hidden = $('messages').children.length > 0;
}

function drawPeople() {
  const room = state.conversation && isRoom(state.conversation);
  $('people').hidden = !room;
  $('show-people').hidden = !room;
  $('app').classList.toggle('alone', !room);
  $('people-count').textContent = state.people.length;
  $('people-list').replaceChildren(...state.people.map((person) => {
    const myself = person.id === state.me.id;
    const parts = [avatar(person, 'small online'), element('span', 'name', person.nickname)];
    if (!myself) {
      const item = entry(directWith(person.id), parts);
      item.firstChild.title = `Write to ${person.nickname}`;
      return item;
    }
    parts.push(element('span', 'number', 'you'));
    const item = element('li', 'entry myself');
    item.append(...parts);
    return item;
  }));
}

// ---- Drawers on small screens -----------------------------------------------------------------

function openDrawer(panel) {
  closeDrawers();
  panel.classList.add('open');
  openerOf(panel).setAttribute('aria-expanded', 'true');
  $('scrim').hidden = false;
  panel.querySelector('button, input')?.focus();
}

function closeDrawers() {
  for (const panel of document.querySelectorAll('.panel.open')) {
    if (panel.contains(document.activeElement)) openerOf(panel).focus();
    panel.classList.remove('open');
    openerOf(panel).setAttribute('aria-expanded', 'false');
  }
  $('scrim').hidden = true;
}

const openerOf = (panel) => document.querySelector(`[aria-controls="${panel.id}"]`);

for (const panel of [$('nav'), $('people')]) {
  openerOf(panel).addEventListener('click', () => openDrawer(panel));
}
$('scrim').addEventListener('click', closeDrawers);
addEventListener('keydown', (event) => { if (event.key === 'Escape') closeDrawers(); });

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && state.conversation && state.unread.delete(state.conversation)) drawNav();
});

// ---- Start ------------------------------------------------------------------------------------

fitComposer();
enter();
