'use strict';

/**
 * One client of one generation over one transport, behind one interface, so that a scenario is
 * written once: what differs between the generations' own interfaces is here and nowhere else.
 */

const GENERATIONS = {
  sio17: { major: 1, jsonp: true },
  sio25: { major: 2, jsonp: true },
  sio31: { major: 3, jsonp: true },
  sio41: { major: 4, jsonp: true },
  sio48: { major: 4, jsonp: false },
};

const TRANSPORTS = {
  websocket: { first: 'websocket', last: 'websocket', options: { transports: ['websocket'] } },
  polling: { first: 'polling', last: 'polling', options: { transports: ['polling'] } },
  upgrade: { first: 'polling', last: 'websocket', options: { transports: ['polling', 'websocket'] } },
  jsonp: { first: 'polling', last: 'polling', jsonp: true, options: { transports: ['polling'], forceJSONP: true } },
  'jsonp-upgrade': {
    first: 'polling',
    last: 'websocket',
    jsonp: true,
    options: { transports: ['polling', 'websocket'], forceJSONP: true },
  },
};

const PATIENCE = 4000;

/** A promise that fails by name when it is not kept in time. */
function within(promise, what, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Peer {
  /**
   * @param {object} kind   { client: 'sio48', transport: 'polling', parser: module or undefined }
   * @param {number} port   where to connect
   * @param {object} options  namespace, query, auth and whatever else the client itself takes
   */
  constructor(kind, port, { namespace = '/', query, ...options } = {}) {
    this.kind = kind;
    this.generation = GENERATIONS[kind.client];
    this.transport = TRANSPORTS[kind.transport];
    this.namespace = namespace;
    this.heard = new Map();
    this.waiting = new Map();
    const settings = {
      forceNew: true,
      reconnection: false,
      timeout: PATIENCE,
      ...this.transport.options,
      ...options,
    };
    if (this.generation.major < 3) settings.forceNode = true;
    if (query) settings.query = query;
    if (kind.parser) settings.parser = kind.parser;
    const io = require(kind.client);
    this.socket = this.tune((io.io || io)(`http://127.0.0.1:${port}${namespace}`, settings));
    this.manager = this.socket.io;
  }

  /** The standing events of a socket, remembered from the start. */
  tune(socket) {
    socket.on('connect', () => this.hear('connect', []));
    socket.on('welcome', (...args) => this.hear('welcome', args));
    // Newer generations add details after the reason.
    socket.on('disconnect', (reason) => this.hear('disconnect', [reason]));
    // Up to 2.x a refusal is an `error` event with a bare value, later a `connect_error` with an Error.
    socket.on('error', (reason) => this.hear('refused', [reason]));
    socket.on('connect_error', (error) => this.hear('refused', [error]));
    return socket;
  }

  /** Remembers an event from now on, for `next` and `count`; once, however often it is asked. */
  listen(event) {
    if (this.heard.has(event)) return;
    this.heard.set(event, []);
    this.socket.on(event, (...args) => this.hear(event, args));
  }

  hear(event, args) {
    const waiting = this.waiting.get(event);
    if (waiting && waiting.length) waiting.shift()(args);
    else this.all(event).push(args);
  }

  /** What was heard of an event and not yet taken. */
  all(event) {
    if (!this.heard.has(event)) this.heard.set(event, []);
    return this.heard.get(event);
  }

  /** How many of an event were heard and not yet taken. */
  count(event) {
    return this.all(event).length;
  }

  /** The arguments of the next event of that name, in order of arrival. */
  next(event, milliseconds) {
    const heard = this.all(event);
    if (heard.length) return Promise.resolve(heard.shift());
    if (!this.waiting.has(event)) this.waiting.set(event, []);
    const arrival = new Promise((resolve) => this.waiting.get(event).push(resolve));
    return within(arrival, `'${event}'`, milliseconds);
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
    return this;
  }

  /** Emits with an acknowledgement and resolves to the array of its values. */
  ask(event, ...args) {
    const answer = new Promise((resolve) => this.socket.emit(event, ...args, (...values) => resolve(values)));
    return within(answer, `ack of '${event}'`);
  }

  /** Resolves when the socket is connected and, where the transport upgrades, upgraded. */
  async ready() {
    await this.connected();
    await this.upgraded();
    return this;
  }

  async connected() {
    const outcome = await Promise.race([
      this.next('connect').then(() => null),
      this.next('refused').then(([reason]) => reason || new Error('refused')),
    ]);
    if (outcome !== null) throw new Error(`refused: ${outcome.message || outcome}`);
    this.engine = this.manager.engine;
  }

  async upgraded() {
    const { engine } = this.manager;
    if (engine.transport.name === this.transport.last) return;
    await within(new Promise((resolve) => engine.once('upgrade', resolve)), 'upgrade');
  }

  get transportName() {
    return this.manager.engine.transport.name;
  }

  /** Another namespace over the same connection. */
  sibling(namespace, options = {}) {
    const peer = Object.create(Peer.prototype);
    Object.assign(peer, this, { namespace, heard: new Map(), waiting: new Map() });
    peer.socket = peer.tune(this.manager.socket(namespace, options));
    return peer;
  }

  close() {
    this.manager.reconnection(false);
    this.socket.disconnect();
    if (this.manager.engine) this.manager.engine.close();
  }
}

module.exports = { GENERATIONS, PATIENCE, Peer, TRANSPORTS, within };
