/* The chat page: what the server's events do, and turning from one conversation to another.
   Whatever people wrote reaches the page as textContent, never as markup. */

import {deliverAll, fit, showDrafts} from './composer.js';
import {forgetFiles} from './files.js';
import {
  clockOf, drawTicks, lastId, reportSeen, setDelivered, show, showAll, showMissed,
} from './log.js';
import {
  closeDrawers, drawAll, drawHead, drawNav, drawPeople, go, startTyping, stopAllTyping, stopTyping,
} from './margins.js';
import {ask, isRoom, partnerOf, personOf, socket, state} from './state.js';

const HOME = 'room:Lobby';

// ---- The server's events -----------------------------------------------------------------------

socket.on('welcome', ({me, partners, time}) => {
  $('app').classList.remove('offline');
  setMe(me);
  showTime(time);
  const turnedTo = state.partners;
  state.partners = new Map(partners.map((person) => [person.id, person]));
  for (const [id, person] of turnedTo) if (!state.partners.has(id)) state.partners.set(id, person);
  for (const {id, unread} of partners) {
    const conversation = `direct:${[me.id, id].sort().join(':')}`;
    if (unread) state.unread.set(conversation, unread);
    else state.unread.delete(conversation);
  }
  if (state.conversation === wanted()) resume();
  else open(wanted());
});

socket.on('me', setMe);

socket.on('overview', ({rooms, online}) => {
  state.rooms = rooms;
  state.online = new Map(online.map((person) => [person.id, person]));
  drawHead();
  drawNav();
});

socket.on('people', ({conversation, people}) => {
  if (conversation !== state.conversation) return;
  state.people = people;
  drawPeople();
});

socket.on('time', showTime);

socket.on('message', (message, received) => {
  received?.(); // the sender's tick
  stopTyping(message.sender);
  state.pending.delete(message.key);
  if (message.conversation === state.conversation) show(message);
  if (isRoom(message.conversation)) return;
  const partner = partnerOf(message.conversation);
  const person = personOf(partner)
    || (message.sender === partner && {id: partner, nickname: message.nickname});
  if (person) state.partners.set(partner, person);
  const inSight = message.conversation === state.conversation && !document.hidden;
  if (!inSight && message.sender !== state.me.id) count(message.conversation);
  drawNav();
});

socket.on('news', (conversation) => {
  if (conversation !== state.conversation) count(conversation);
  drawNav();
});

socket.on('delivered', (conversation, id) => {
  if (conversation === state.conversation) setDelivered(id);
});

socket.on('seen', (conversation, reader) => {
  if (reader.id === state.me.id) { // in another tab, perhaps
    state.unread.delete(conversation);
    drawNav();
  }
  if (conversation !== state.conversation) return;
  state.seen.set(reader.id, reader);
  drawTicks();
});

socket.on('typing', (conversation, person) => {
  if (conversation === state.conversation) startTyping(person);
});

socket.on('disconnect', () => {
  stopAllTyping();
  $('app').classList.add('offline');
});

function count(conversation) {
  state.unread.set(conversation, (state.unread.get(conversation) || 0) + 1);
}

function setMe(me) {
  state.me = me;
  site.nickname = me.nickname;
  $('my-name').textContent = me.nickname;
  site.paint($('my-avatar'), me);
  $('change-name').hidden = false;
}

function showTime(seconds) {
  $('server-time').textContent = clockOf(seconds);
  $('server-time').dateTime = new Date(seconds * 1000).toISOString();
}

// ---- Conversations -----------------------------------------------------------------------------

/** The conversation the address asks for; one that asks for a part of the page asks for none. */
function wanted() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    if (/^(room|direct):/.test(name)) return name;
    return name && state.conversation ? state.conversation : HOME;
  } catch { // no address at all
    return HOME;
  }
}

async function open(conversation) {
  closeDrawers();
  const answer = await ask('open', conversation);
  if (answer.lost) return; // `welcome` opens it again
  if (answer.error) {
    if (conversation !== HOME) go(HOME);
    return;
  }
  const moved = state.conversation !== conversation;
  if (moved) {
    if (state.conversation) state.drafts.set(state.conversation, $('text').value);
    $('text').value = state.drafts.get(conversation) || '';
    fit();
    forgetFiles();
    stopAllTyping();
  }
  turnTo(conversation, answer);
  drawAll();
  showAll(answer.messages, answer.more);
  showDrafts();
  deliverAll();
  reportSeen();
  if (moved && !matchMedia('(pointer: coarse)').matches) $('text').focus();
}

/** Back after a break: asks for what was missed, by the last message there is. */
async function resume() {
  const {conversation} = state;
  const answer = await ask('open', conversation, lastId());
  if (answer.lost) return;
  if (answer.error || conversation !== state.conversation) {
    open(wanted());
    return;
  }
  turnTo(conversation, answer);
  drawAll();
  const missed = answer.messages.filter(({sender}) => sender !== state.me.id).length;
  if (answer.more) showAll(answer.messages, true); // too much to be put below what there is
  else showMissed(answer.messages);
  drawTicks();
  deliverAll();
  let text = 'Back online. You have missed nothing.';
  if (missed) text = `Back online. Missed messages: ${missed}${answer.more ? ' and more' : ''}.`;
  site.banner(text, {good: true});
  setTimeout(() => { if ($('banner').textContent === text) site.banner(''); }, 5000);
}

function turnTo(conversation, answer) {
  state.conversation = conversation;
  state.people = answer.people;
  if (!isRoom(conversation)) {
    const partner = answer.people.find(({id}) => id !== state.me.id);
    state.partners.set(partner.id, partner);
  }
  state.seen = new Map(answer.seen.map((reader) => [reader.id, reader]));
  state.unread.delete(conversation);
  for (const message of answer.messages) state.pending.delete(message.key);
}

addEventListener('hashchange', () => { if (socket.connected) open(wanted()); });

document.addEventListener('visibilitychange', () => {
  if (document.hidden || !state.conversation) return;
  state.unread.delete(state.conversation);
  drawNav();
  reportSeen();
});

// ---- Forms -------------------------------------------------------------------------------------

$('new-room').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('room-error').textContent = '';
  const answer = await ask('new room', $('room-name').value);
  if (answer.error) {
    $('room-error').textContent = answer.error;
    $('room-name').select();
  } else {
    $('room-name').value = '';
    go(answer.conversation);
  }
});

$('change-name').addEventListener('click', async () => {
  const before = site.nickname;
  closeDrawers();
  if (await site.ask('', true) !== before) socket.disconnect().connect();
});
