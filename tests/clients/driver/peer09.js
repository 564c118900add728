'use strict';

/**
 * One official client of Socket.IO 0.9, unmodified, with what it brings along: `ws` 0.4 without
 * its compiled parts, and `xmlhttprequest`. Both run on today's Node as they are.
 *
 * The client takes its transports from `io.transports` alone; it merges an option of that name into
 * the list instead of replacing it.
 */

const { EventEmitter } = require('events');
const { within } = require('./peer');

const TRANSPORTS = ['websocket', 'xhr-polling'];
const STANDING = ['connect', 'connect_failed', 'disconnect', 'error', 'reconnect', 'message', 'welcome',
  'question', 'answered', 'reflected', 'said', 'announced', 'number', 'product', 'ответ 😀'];

class Peer09 extends EventEmitter {
  constructor(transport, port, { query = '', ...options } = {}) {
    super();
    const io = require('sio09');
    io.transports = [transport];
    this.io = io;
    this.settings = { 'force new connection': true, reconnect: false, query, ...options };
    this.socket = io.connect(`http://127.0.0.1:${port}`, this.settings);
    this.client = this.socket.socket;
    this.tune();
  }

  /** The events of a namespace, remembered from the start and told to whoever listens. */
  tune() {
    this.heard = new Map(STANDING.map((event) => [event, []]));
    this.waiting = new Map(STANDING.map((event) => [event, []]));
    for (const event of STANDING) this.socket.on(event, (...args) => this.hear(event, args));
    return this;
  }

  hear(event, args) {
    if (event === 'error') this.emit('failed', new Error(String(args[0] && (args[0].message || args[0]))));
    else this.emit('heard', event, args);
    const waiting = this.waiting.get(event).shift();
    if (waiting) waiting(args);
    else this.heard.get(event).push(args);
  }

  /** The arguments of the next event of that name. */
  next(event, milliseconds) {
    const heard = this.heard.get(event);
    if (heard.length) return Promise.resolve(heard.shift());
    const come = new Promise((resolve) => this.waiting.get(event).push(resolve));
    return within(come, `'${event}'`, milliseconds);
  }

  count(event) { return this.heard.get(event).length; }

  async begin() {
    await this.next('connect');
    return this;
  }

  say(event, ...args) { this.socket.emit(event, ...args); }

  /** Emits with an acknowledgement and resolves to the array of its values. */
  ask(event, ...args) {
    const answer = new Promise((resolve) => this.socket.emit(event, ...args, (...values) => resolve(values)));
    return within(answer, `ack of '${event}'`);
  }

  get sid() { return this.client.sessionid; }

  /** Another namespace over the same connection. */
  sibling(namespace) {
    const peer = Object.create(Peer09.prototype);
    EventEmitter.call(peer);
    Object.assign(peer, { io: this.io, client: this.client, socket: this.client.of(namespace) });
    return peer.tune();
  }

  close() {
    this.client.options.reconnect = false;
    if (this.client.transport) this.client.disconnect(); // it fails before the handshake
  }
}

module.exports = { Peer09, TRANSPORTS };
