/* What all pages share: who the visitor is, and the connection with its label and banner.
   Whatever people wrote reaches a page as textContent, never as markup. */
'use strict';

const $ = (id) => document.getElementById(id);
const TRANSPORTS = {websocket: 'WebSocket', polling: 'Polling', jsonp: 'JSONP'};

const site = {
  /** An element with a class and a text. */
  element(tag, className = '', text = undefined) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  },

  /** The first letter of a person ({id, nickname}) in a colour of their own. */
  avatar(person, className = '') {
    const made = site.element('span', `avatar ${className}`);
    site.paint(made, person);
    return made;
  },

  paint(target, person) {
    target.style.setProperty('--hue', site.hue(person.id));
    target.textContent = ([...person.nickname][0] || '?').toUpperCase();
    target.setAttribute('aria-hidden', 'true');
  },

  /** A hue from 0 to 359 that belongs to an id. */
  hue(id) {
    let hash = 7;
    for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193);
    return (hash >>> 0) % 360;
  },

  get nickname() {
    try { return localStorage.getItem('nickname') || site.name; } catch { return site.name; }
  },
  set nickname(nickname) {
    site.name = nickname;
    try { localStorage.setItem('nickname', nickname); } catch { /* for this page only, then */ }
  },
  name: '',

  /**
   * A socket of a namespace, with its label in the bar and its banner below.
   * `named: true` lets nobody in without a nickname; the server gets it as `auth.nickname`, and
   * what it says when it refuses is asked about at the door.
   * `hint` is what the banner adds while the connection is away.
   * `?transports=polling` in the address shows a page without WebSocket.
   */
  connect(namespace, {named = false, hint = '', ...options} = {}) {
    const transports = new URLSearchParams(location.search).get('transports');
    const socket = io(namespace, {
      autoConnect: false,
      auth: (send) => send({nickname: site.nickname}),
      ...(transports && {transports: transports.split(',')}),
      ...options,
    });
    const label = () => site.label(TRANSPORTS[socket.io.engine.transport.name] || 'Connected');
    const away = (text) => {
      site.label('Offline', true);
      site.banner(`${text} Trying again… ${hint}`.trim(), {busy: true});
    };
    socket.on('connect', () => {
      label();
      socket.io.engine.on('upgrade', label);
      site.banner('');
    });
    socket.on('disconnect', (reason) => {
      if (socket.active) away('Connection lost.');
      else site.label('Offline', true);
      if (reason === 'io server disconnect') site.banner('The server has ended your visit.');
    });
    socket.on('connect_error', async (error) => {
      if (socket.active) {
        away('The server does not answer.');
      } else if (named) { // it does, and says no
        await site.ask(error.message);
        socket.connect();
      } else {
        site.banner(error.message);
      }
    });
    const enter = async () => {
      if (named && !site.nickname) await site.ask();
      site.label('Connecting', true);
      socket.connect();
    };
    enter();
    return socket;
  },

  /** The label that tells how the page is connected. */
  label(text, off = false) {
    $('link').hidden = false;
    $('link').textContent = text;
    $('link').classList.toggle('off', off);
  },

  /** The line under the bar; an empty text takes it away. */
  banner(text, {busy = false, good = false} = {}) {
    const parts = text ? [site.element('span', '', text)] : [];
    if (busy) parts.unshift(site.element('span', 'spinner'));
    $('banner').classList.toggle('good', good);
    $('banner').replaceChildren(...parts);
  },

  /** Asks for a nickname at the door; resolves when there is one. */
  ask(message = '', mayLeave = false) {
    const door = $('door');
    const say = (text) => {
      $('sign-in-error').textContent = text;
      $('nickname').setAttribute('aria-invalid', String(text !== ''));
    };
    say(message);
    $('nickname').value = site.nickname;
    if (!door.open) door.showModal();
    $('nickname').select();
    return new Promise((resolve) => {
      door.oncancel = (event) => { if (!mayLeave) event.preventDefault(); };
      $('sign-in').onsubmit = (event) => {
        const nickname = $('nickname').value.trim();
        if (nickname) {
          site.nickname = nickname;
        } else {
          event.preventDefault();
          say('Type a nickname first.');
        }
      };
      door.onclose = () => (site.nickname || mayLeave ? resolve(site.nickname) : door.showModal());
    });
  },
};
