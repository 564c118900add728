'use strict';

/**
 * The clients of a play, who write down what they see. Every wait is for something that has to
 * come; what came without being waited for is written when its client leaves.
 */

const http = require('http');
const { GENERATIONS, Peer, TRANSPORTS, within } = require('../../clients/driver/peer');
const { say } = require('../../clients/driver/trial');
const { described } = require('../../clients/driver/values');

const CLIENT = 'sio48';

class Stage {
  /**
   * @param {number} port       where the server listens
   * @param {string} transport  websocket, polling or upgrade
   * @param {object} settings   path, where the server's is not the usual one
   */
  constructor(port, transport, { path } = {}) {
    this.port = port;
    this.kind = { client: CLIENT, transport };
    this.path = path;
    this.names = new Map();
    this.visitors = [];
  }

  /** Writes a line, every known socket id in it as the name of its client: <ann>. */
  tell(who, what, ...values) {
    let text = JSON.stringify([who, what, ...described(values)]);
    for (const [sid, name] of this.names) text = text.replaceAll(sid, `<${name}>`);
    say({ transport: this.kind.transport, line: JSON.parse(text) });
  }

  /** A client on a connection of its own, connected, and upgraded where the transport upgrades. */
  async open(name, options = {}) {
    const visitor = this.enter(name, this.peer(options));
    await visitor.peer.ready();
    this.admit(visitor);
    return visitor;
  }

  /** One that has to be turned away; written with the error's message and data. */
  async refused(name, options = {}) {
    const peer = this.peer(options);
    const [error] = await peer.next('refused');
    this.tell(name, 'refused', error.message, error.data);
    peer.close();
  }

  peer(options) {
    return new Peer(this.kind, this.port, { path: this.path, ...options });
  }

  enter(name, peer) {
    const visitor = new Visitor(this, name, peer);
    this.visitors.push(visitor);
    return visitor;
  }

  admit(visitor) {
    this.names.set(visitor.sid, visitor.name);
    this.tell(visitor.name, 'connected');
  }

  /** An HTTP request whose status and body are written; resolves as `fetch` does. */
  async request(who, method, path, json, headers) {
    const answer = await this.fetch(method, path, json, headers);
    this.tell(who, `${method} ${path.split('?')[0]}`, answer.status, answer.body);
    return answer;
  }

  /** An HTTP request; resolves to {status, cookie, headers, body}, the body null unless JSON. */
  async fetch(method, path, json, headers = {}) {
    const data = json === undefined ? '' : JSON.stringify(json);
    const answer = await within(new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1',
        port: this.port,
        method,
        path,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(data), ...headers },
      }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
        response.on('end', () => resolve({ response, text }));
      });
      request.on('error', reject).end(data);
    }), `answer to ${method} ${path}`);
    const { response, text } = answer;
    const isJSON = (response.headers['content-type'] || '').startsWith('application/json');
    const body = isJSON ? JSON.parse(text) : null;
    const [cookie] = (response.headers['set-cookie'] || []).map((field) => field.split(';')[0]);
    return { status: response.statusCode, cookie, headers: response.headers, body };
  }

  end() {
    for (const visitor of this.visitors) visitor.fallSilent();
    for (const visitor of this.visitors) visitor.peer.close();
  }
}

class Visitor {
  constructor(stage, name, peer) {
    this.stage = stage;
    this.name = name;
    this.peer = peer;
    this.seen = [];
    this.wake = () => {};
    peer.socket.onAny((event, ...args) => this.note(event, ...args));
    peer.socket.on('disconnect', (reason) => this.note('(disconnect)', reason));
  }

  get sid() {
    return this.peer.socket.id;
  }

  note(...line) {
    this.seen.push(line.filter((value) => typeof value !== 'function'));
    this.wake();
  }

  /** Waits until so many events have come, counted from those written last, and writes all. */
  async hears(count = 1) {
    const enough = new Promise((resolve) => {
      this.wake = () => this.seen.length >= count && resolve();
      this.wake();
    });
    try {
      await within(enough, `event ${count} of ${this.name}, ${this.seen.length} came`);
    } finally {
      this.tellAll();
    }
  }

  /** Waits for an event of that name and takes it away unwritten, with all that came before it. */
  async until(event) {
    const find = () => this.seen.findIndex(([name]) => name === event);
    await within(new Promise((resolve) => {
      this.wake = () => find() >= 0 && resolve();
      this.wake();
    }), `'${event}' of ${this.name}`);
    const taken = this.seen.splice(0, find() + 1);
    return taken[taken.length - 1].slice(1);
  }

  /** Neither what came nor what will come of these events is written. */
  ignore(...events) {
    const wanted = ([event]) => !events.includes(event);
    this.seen = this.seen.filter(wanted);
    const { note } = this;
    this.note = (...line) => wanted(line) && note.apply(this, line);
  }

  tellAll() {
    for (const [event, ...args] of this.seen.splice(0)) this.stage.tell(this.name, event, ...args);
  }

  emit(event, ...args) {
    this.peer.emit(event, ...args);
  }

  /** Emits, waits for the answer and writes it. */
  async ask(event, ...args) {
    const values = await this.peer.ask(event, ...args);
    this.stage.tell(this.name, `answer to ${event}`, ...values);
    return values;
  }

  /** Answers an event of the server with what a function makes of its arguments. */
  answer(event, make) {
    this.peer.socket.on(event, (...args) => args.pop()(...[].concat(make(...args))));
  }

  /** The same connection in another namespace. */
  async also(name, namespace, options) {
    const visitor = this.stage.enter(name, this.peer.sibling(namespace, options));
    await visitor.peer.connected();
    this.stage.admit(visitor);
    return visitor;
  }

  /** The same connection, turned away from another namespace; may try again. */
  async refused(name, namespace, options) {
    const visitor = this.stage.enter(name, this.peer.sibling(namespace, options));
    const [error] = await visitor.peer.next('refused');
    this.stage.tell(name, 'refused', error.message, error.data);
    return visitor;
  }

  /** Connects once more to the namespace it has left or was not let into. */
  async again(auth) {
    this.peer.socket.auth = auth;
    this.peer.socket.connect();
    await this.peer.connected();
    this.stage.admit(this);
  }

  /** Closes the whole connection, with every other namespace on it. */
  leave() {
    const { manager } = this.peer;
    for (const visitor of this.stage.visitors) if (visitor.peer.manager === manager) visitor.fallSilent();
    this.peer.close();
  }

  /** Writes what came and was not waited for; nothing that comes later is written. */
  fallSilent() {
    this.tellAll();
    this.note = () => {};
  }
}

module.exports = { Stage };
