/* What surrounds the messages: rooms and people, the head, who is typing, drawers on phones. */

import {directWith, isRoom, partnerOf, personOf, roomName, state} from './state.js';

export function go(conversation) {
  const hash = `#${encodeURIComponent(conversation)}`;
  if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = hash;
}

export function drawAll() {
  drawNav();
  drawHead();
  drawPeople();
}

// ---- Rooms, private messages, people -----------------------------------------------------------

function entry(conversation, parts) {
  const item = site.element('li');
  const button = site.element('button', 'entry');
  button.dataset.conversation = conversation;
  button.append(...parts);
  const unread = state.unread.get(conversation);
  if (unread && conversation !== state.conversation) {
    button.classList.add('news');
    const count = site.element('span', 'unread', unread > 99 ? '99+' : unread);
    count.append(site.element('span', 'visually-hidden', ' new'));
    button.append(count);
  }
  if (conversation === state.conversation) button.setAttribute('aria-current', 'true');
  button.addEventListener('click', () => go(conversation));
  item.append(button);
  return item;
}

/** Replaces the entries of a list, and leaves the focus with the one that had it. */
function fill(list, entries) {
  const focused = list.contains(document.activeElement) && document.activeElement;
  list.replaceChildren(...entries);
  if (!focused) return;
  const {conversation} = focused.dataset;
  list.querySelector(`[data-conversation="${CSS.escape(conversation)}"]`)?.focus();
}

export function drawNav() {
  if (!state.me) return;
  fill($('rooms'), state.rooms.map(({name, people}) => {
    const parts = [site.element('span', 'hash', '#'), site.element('span', 'name', name)];
    if (people) {
      const number = site.element('span', 'here number', people);
      number.title = people === 1 ? '1 person' : `${people} people`;
      parts.push(number);
    }
    parts[0].setAttribute('aria-hidden', 'true');
    return entry(`room:${name}`, parts);
  }));
  fill($('directs'), [...state.partners.keys()].map((id) => {
    const person = personOf(id);
    return entry(directWith(id), [
      site.avatar(person, `small ${state.online.has(id) ? 'online' : 'offline'}`),
      site.element('span', 'name', person.nickname),
    ]);
  }));
  $('no-directs').hidden = state.partners.size > 0;
  const direct = [...state.unread].filter(([conversation]) => !isRoom(conversation));
  const total = direct.reduce((sum, [, count]) => sum + count, 0);
  $('unread-anywhere').hidden = total === 0;
  document.title = `${total ? `(${total}) ` : ''}${$('title').textContent} · geventio`;
}

export function drawHead() {
  if (!state.conversation) return;
  const room = isRoom(state.conversation);
  const partner = partnerOf(state.conversation);
  const name = room ? roomName(state.conversation) : personOf(partner).nickname;
  const here = state.rooms.find((known) => known.name === name)?.people;
  $('title').textContent = room ? `# ${name}` : name;
  let subtitle = 'Offline, and will find this later.';
  if (room) subtitle = here > 1 ? `${here} people here` : 'Only you are here';
  else if (state.online.has(partner)) subtitle = 'Online. Only the two of you see this.';
  $('subtitle').textContent = subtitle;
  $('text').placeholder = room ? `Message #${name}` : `Message ${name}`;
  $('empty-title').textContent = room ? `Welcome to #${name}` : `You and ${name}`;
  $('empty-text').textContent = room
    ? 'Nothing has been said here yet. Say the first word.'
    : 'Nobody else can read what you write here.';
}

export function drawPeople() {
  const room = state.conversation && isRoom(state.conversation);
  $('people').hidden = !room;
  $('show-people').hidden = !room;
  $('app').classList.toggle('alone', !room);
  $('people-count').textContent = state.people.length;
  fill($('people-list'), state.people.map((person) => {
    const name = site.element('span', 'name', person.nickname);
    const parts = [site.avatar(person, 'small online'), name];
    if (person.id !== state.me.id) {
      const item = entry(directWith(person.id), parts);
      item.firstChild.title = `Write to ${person.nickname} alone`;
      return item;
    }
    const item = site.element('li', 'entry myself');
    item.append(...parts, site.element('span', 'quiet small', 'you'));
    return item;
  }));
}

// ---- Who is typing ----------------------------------------------------------------------------

const TYPING_LASTS = 3500; // ms; it is told every two seconds
const typing = new Map();  // user id -> {nickname, timer}

export function startTyping({id, nickname}) {
  stopTyping(id);
  typing.set(id, {nickname, timer: setTimeout(stopTyping, TYPING_LASTS, id)});
  drawTyping();
}

export function stopTyping(id) {
  clearTimeout(typing.get(id)?.timer);
  typing.delete(id);
  drawTyping();
}

export function stopAllTyping() {
  for (const id of [...typing.keys()]) stopTyping(id);
}

function drawTyping() {
  const names = [...typing.values()].map(({nickname}) => nickname);
  const last = names.pop();
  let text = last ? `${last} is typing` : '';
  if (names.length > 2) text = 'Several people are typing';
  else if (names.length) text = `${names.join(', ')} and ${last} are typing`;
  $('typing').replaceChildren(text);
  if (text) {
    const dots = site.element('span', 'dots');
    dots.append(...Array.from({length: 3}, () => site.element('i')));
    $('typing').append(dots);
  }
}

// ---- Drawers on small screens -----------------------------------------------------------------

const openerOf = (panel) => document.querySelector(`[aria-controls="${panel.id}"]`);

function openDrawer(panel) {
  closeDrawers();
  panel.classList.add('open');
  openerOf(panel).setAttribute('aria-expanded', 'true');
  $('scrim').hidden = false;
  panel.querySelector('button, input')?.focus();
}

export function closeDrawers() {
  for (const panel of document.querySelectorAll('.panel.open')) {
    if (panel.contains(document.activeElement)) openerOf(panel).focus();
    panel.classList.remove('open');
    openerOf(panel).setAttribute('aria-expanded', 'false');
  }
  $('scrim').hidden = true;
}

for (const panel of [$('nav'), $('people')]) {
  openerOf(panel).addEventListener('click', () => openDrawer(panel));
}
$('scrim').addEventListener('click', closeDrawers);
addEventListener('keydown', (event) => { if (event.key === 'Escape') closeDrawers(); });
