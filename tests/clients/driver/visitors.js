'use strict';

/**
 * Clients of dialects whose own libraries cannot run here, or are no libraries at all, written from
 * the protocols: each opens over one transport, emits events, and tells what it hears.
 *
 * A dialect says how messages are read and written, a transport how they travel. None of this is
 * hardened: whatever is not as it should be throws, and fails the test.
 */

const http = require('http');
const { EventEmitter } = require('events');
const WebSocket = require('ws');

const HOST = '127.0.0.1';

/** A request; resolves to the response once its head is there. */
function request(visitor, method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: HOST, port: visitor.port, method, path, headers }, (response) => {
      response.setEncoding('utf8');
      response.on('error', () => {});
      resolve(response);
    });
    visitor.requests.add(sent);
    sent.on('close', () => visitor.requests.delete(sent));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The whole body of a response that is 200 or 204. */
async function text(visitor, method, path, body, headers) {
  const response = await request(visitor, method, path, body, headers);
  let found = '';
  for await (const piece of response) found += piece;
  if (response.statusCode !== 200 && response.statusCode !== 204) {
    throw new Error(`${method} ${path}: ${response.statusCode} ${found}`);
  }
  return found;
}

/** Calls back with each piece of a response that goes on; a piece ends with a mark. */
async function pieces(visitor, path, mark, take) {
  const response = await request(visitor, 'GET', path);
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`);
  (async () => {
    let rest = '';
    for await (const data of response) {
      const parts = (rest + data).split(mark);
      rest = parts.pop();
      parts.forEach(take);
    }
  })().catch((error) => visitor.failed(error));
}

const form = (field, value) => `${field}=${encodeURIComponent(value)}`;
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
const callback = (script) => JSON.parse(script.slice(script.indexOf('(') + 1, script.lastIndexOf(')')));

class Visitor extends EventEmitter {
  constructor(dialect, transport, port) {
    super();
    Object.assign(this, { dialect, transport, port, requests: new Set(), open: true });
    this.protocol = new DIALECTS[dialect](this);
  }

  /** Resolves when the server has let it in. */
  async begin() {
    const ready = new Promise((resolve) => this.once('ready', resolve));
    await this.protocol[this.transport]();
    await ready;
  }

  say(event, ...args) {
    this.protocol.say(event, args);
  }

  hear(event, args) {
    this.emit('heard', event, args);
  }

  failed(error) {
    if (this.open) this.emit('failed', error);
  }

  close() {
    this.open = false;
    if (this.ws) this.ws.terminate();
    for (const sent of this.requests) sent.destroy();
  }

  /** A WebSocket that hands its messages to the protocol. */
  connect(path) {
    this.ws = new WebSocket(`ws://${HOST}:${this.port}${path}`);
    this.ws.on('message', (data) => this.protocol.read(data.toString()));
    this.ws.on('error', (error) => this.failed(error));
    this.send = (message) => this.ws.send(message);
  }

  /** Polls for as long as it is open. */
  poll(path, take, method = 'GET') {
    (async () => {
      while (this.open) take(await text(this, method, path()));
    })().catch((error) => this.failed(error));
  }

  /** Posts one message after the other, in order. */
  posts(path, wrap, headers) {
    let last = Promise.resolve();
    this.send = (message) => {
      last = last.then(() => text(this, 'POST', path(), wrap(message), headers))
        .catch((error) => this.failed(error));
    };
  }
}

/** ``["event",...args]`` as text. */
class Plain {
  constructor(visitor) { this.visitor = visitor; }

  websocket() {
    this.visitor.connect('/ws');
    this.visitor.ws.on('open', () => this.visitor.emit('ready'));
  }

  read(message) {
    const [event, ...args] = JSON.parse(message);
    this.visitor.hear(event, args);
  }

  say(event, args) { this.visitor.send(JSON.stringify([event, ...args])); }
}

/** An event stream; its rooms are in the URL, and it says nothing. */
class EventStream {
  constructor(visitor) { this.visitor = visitor; }

  eventsource() {
    return pieces(this.visitor, '/events?room=everyone', '\n\n', (block) => {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)));
      if (fields.event === 'connect') this.visitor.emit('ready');
      else if (fields.data) this.visitor.hear(fields.event, JSON.parse(fields.data));
    });
  }
}

/** Socket.IO 0.6. */
class Sio06 {
  constructor(visitor) { this.visitor = visitor; }

  get base() { return `/socket.io/${this.visitor.transport}`; }

  websocket() { this.visitor.connect('/socket.io/websocket'); }

  flashsocket() { this.visitor.connect('/socket.io/flashsocket'); }

  async 'xhr-polling'() {
    this.classic();
    this.read(await text(this.visitor, 'GET', `${this.base}//${Date.now()}`));
    this.visitor.poll(() => `${this.base}/${this.sid}/${Date.now()}`, (body) => this.read(body));
  }

  async 'jsonp-polling'() {
    const { visitor } = this;
    visitor.posts(() => `${this.base}/${this.sid}/${Date.now()}/0`, (frames) => form('data', frames), FORM);
    const take = (script) => script && this.read(callback(script));
    take(await text(visitor, 'GET', `${this.base}//${Date.now()}/0`));
    visitor.poll(() => `${this.base}/${this.sid}/${Date.now()}/0`, take);
  }

  async 'xhr-multipart'() {
    this.classic();
    await pieces(this.visitor, `${this.base}/`, '--socketio\n', (part) => {
      const at = part.indexOf('\n\n');
      if (at >= 0) this.read(part.slice(at + 2).replace(/\n$/, ''));
    });
  }

  async htmlfile() {
    this.classic();
    await pieces(this.visitor, `${this.base}//${Date.now()}`, '</script>', (script) => {
      this.read(JSON.parse(script.slice(script.indexOf('_(') + 2, script.lastIndexOf(', document'))));
    });
  }

  classic() {
    this.visitor.posts(() => `${this.base}/${this.sid}/send`, (frames) => form('data', frames), FORM);
  }

  read(frames) {
    let rest = frames;
    while (rest) {
      const head = /^~m~(\d+)~m~/.exec(rest);
      if (!head) throw new Error(`no frame: ${rest}`);
      const body = rest.slice(head[0].length, head[0].length + Number(head[1]));
      rest = rest.slice(head[0].length + Number(head[1]));
      this.take(body);
    }
  }

  take(body) {
    if (this.sid === undefined) {
      this.sid = body;
      this.visitor.emit('ready');
    } else if (body.startsWith('~h~')) {
      this.write(body);
    } else if (body.startsWith('~j~')) {
      const { event, args } = JSON.parse(body.slice(3));
      this.visitor.hear(event, args);
    }
  }

  write(body) { this.visitor.send(`~m~${body.length}~m~${body}`); }

  say(event, args) { this.write(`~j~${JSON.stringify({ event, args })}`); }
}

/** What a page with dojox.socket does about Socket.IO 0.6. */
class Dojox extends Sio06 {
  async 'long-poll'() {
    const { visitor } = this;
    const base = '/socket.io/xhr-polling';
    const take = (body) => body && this.read(body);
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' };
    visitor.send = (frames) => {
      text(visitor, 'POST', `${base}/${this.sid}`, frames, type).then(take, (error) => visitor.failed(error));
    };
    take(await text(visitor, 'POST', base, '', { ...type, Pragma: 'start-long-poll' }));
    visitor.poll(() => `${base}/${this.sid}`, take, 'POST');
  }
}

/** Socket.IO 0.9 over what its client offers to old browsers only. */
class Sio09 {
  constructor(visitor) { this.visitor = visitor; }

  async begin() {
    const hello = await text(this.visitor, 'GET', `/socket.io/1/?t=${Date.now()}`);
    [this.sid] = hello.split(':');
    this.path = `/socket.io/1/${this.visitor.transport}/${this.sid}?t=${Date.now()}`;
  }

  async htmlfile() {
    await this.begin();
    this.visitor.posts(() => this.path, (packet) => packet, { 'Content-Type': 'text/plain;charset=UTF-8' });
    await pieces(this.visitor, this.path, '</script>', (script) => {
      const at = script.indexOf('_("');
      if (at >= 0) this.read(JSON.parse(script.slice(at + 2, script.lastIndexOf(')'))));
    });
  }

  async 'jsonp-polling'() {
    await this.begin();
    this.visitor.posts(() => `${this.path}&i=0`, (packet) => form('d', JSON.stringify(packet)), FORM);
    this.visitor.poll(() => `${this.path}&i=0`, (script) => this.read(callback(script)));
  }

  read(payload) {
    if (!payload.startsWith('\ufffd')) return this.take(payload);
    let rest = payload;
    while (rest) {
      const [, length] = rest.split('\ufffd', 2);
      const start = length.length + 2;
      this.take(rest.slice(start, start + Number(length)));
      rest = rest.slice(start + Number(length));
    }
    return undefined;
  }

  take(packet) {
    if (packet === '1::') this.visitor.emit('ready');
    if (packet === '2::') this.visitor.send('2::');
    if (!packet.startsWith('5:::')) return;
    const { name, args } = JSON.parse(packet.slice(4));
    this.visitor.hear(name, args);
  }

  say(name, args) { this.visitor.send(`5:::${JSON.stringify({ name, args })}`); }
}

/** SockJS over what its client offers to browsers only. */
class SockJS {
  constructor(visitor) {
    this.visitor = visitor;
    this.path = `/sockjs/000/${process.pid}-${visitor.transport}-${Math.random().toString(36).slice(2)}`;
  }

  async htmlfile() {
    this.posts('xhr_send', (message) => message, { 'Content-Type': 'text/plain' });
    await pieces(this.visitor, `${this.path}/htmlfile?c=callback`, '</script>', (script) => {
      const at = script.indexOf('\np("');
      if (at >= 0) this.read(JSON.parse(script.slice(at + 3, script.lastIndexOf(')'))));
    });
  }

  async jsonp() {
    this.posts('jsonp_send', (message) => form('d', message), FORM);
    this.visitor.poll(() => `${this.path}/jsonp?c=callback`, (script) => this.read(callback(script)));
  }

  posts(path, wrap, headers) {
    this.visitor.posts(() => `${this.path}/${path}`, wrap, headers);
  }

  read(frame) {
    if (frame === 'o') this.visitor.emit('ready');
    else if (frame[0] === 'a') {
      for (const message of JSON.parse(frame.slice(1))) {
        const [event, ...args] = JSON.parse(message);
        this.visitor.hear(event, args);
      }
    }
  }

  say(event, args) { this.visitor.send(JSON.stringify([JSON.stringify([event, ...args])])); }
}

const DIALECTS = { plain: Plain, sse: EventStream, sio06: Sio06, dojox: Dojox, sio09: Sio09, sockjs: SockJS };

module.exports = { Visitor };
