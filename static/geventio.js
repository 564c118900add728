/*!
 * geventio.js: a Socket.IO client for browsers. One classic script without dependencies; it sets
 * `io` on the global object, so `import './geventio.js'` from a module works as well.
 *
 * It speaks Engine.IO 4 and Socket.IO protocol 5, over WebSocket or else HTTP long polling, and
 * its names are those of socket.io-client:
 *
 *     const socket = io('/chat', {auth: {token: 'x'}});
 *     socket.on('connect', () => socket.emit('hello', new Uint8Array([1, 2, 3]), (answer) => {}));
 *
 * Four floors, each knowing only the ones above it in this file: parser (packets <-> frames),
 * transports (frames <-> wire), engine (one connection and its heartbeat), manager and sockets
 * (reconnection, namespaces, acknowledgements). A frame is a string or binary data.
 *
 * Whatever a server sends, nothing is thrown into the page: malformed input ends the connection
 * with the reason 'parse error'. A listener that throws is reported like any uncaught error and
 * does not disturb the connection.
 */
(function (root) {
  'use strict';

  const DEFAULTS = {
    path: '/socket.io',            // where the server listens
    transports: ['websocket', 'polling'], // tried in this order until one opens
    websocketTimeout: 5000,        // ms a WebSocket may take before the next transport is tried
    timeout: 20000,                // ms one connection attempt may take, all transports together
    query: {},                     // added to the URL of every request
    auth: undefined,               // object sent on connect, or function (send) calling send(object)
    extraHeaders: {},              // HTTP headers, polling only
    withCredentials: false,        // cookies on cross-origin polling
    reconnection: true,
    reconnectionAttempts: Infinity,
    reconnectionDelay: 1000,       // ms before the first attempt; doubled for each further one
    reconnectionDelayMax: 5000,
    randomizationFactor: 0.5,      // each delay is varied by up to this share, both ways
    maxAttachments: 10,            // binary values accepted in one packet
    autoConnect: true,
    forceNew: false,               // do not share the connection with other namespaces
    multiplex: true,
  };

  function complete(opts = {}) {
    const given = Object.entries(opts).filter(([, value]) => value !== undefined);
    return {...DEFAULTS, ...Object.fromEntries(given)};
  }

  // ---- Parser -------------------------------------------------------------------------------

  const CONNECT = 0;
  const DISCONNECT = 1;
  const EVENT = 2;
  const ACK = 3;
  const CONNECT_ERROR = 4;
  const BINARY = 3; // BINARY_EVENT is EVENT + 3, BINARY_ACK is ACK + 3
  const RESERVED = new Set([
    'connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener',
  ]);
  // type, number of attachments, namespace, acknowledgement id, JSON
  const PACKET = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)([^]*)$/;
  const MAX_ID_DIGITS = 15; // larger numbers are not exact

  const isBinary = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
  const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

  /** The frames of one packet: its text, then each binary value in the order of appearance. */
  function encode({type, nsp, id, data}) {
    const attachments = [];
    const json = data === undefined ? '' : JSON.stringify(data, function (key, value) {
      const original = this[key]; // `value` has been through toJSON
      if (typeof Blob !== 'undefined' && original instanceof Blob) {
        throw new TypeError('a Blob cannot be sent; send await blob.arrayBuffer()');
      }
      if (!isBinary(original)) return value;
      return {_placeholder: true, num: attachments.push(original) - 1};
    });
    const prefix = attachments.length ? `${type + BINARY}${attachments.length}-` : String(type);
    const namespace = nsp === '/' ? '' : `${nsp},`;
    return [`${prefix}${namespace}${id === undefined ? '' : id}${json}`, ...attachments];
  }

  /** Frames in, packets out; throws on malformed input, after which it must not be used again. */
  class Decoder {
    constructor(maxAttachments) {
      this._maxAttachments = maxAttachments;
      this._waiting = null; // the packet whose attachments are being collected
    }

    /** Returns a packet, or null while attachments are missing. */
    add(frame) {
      if (typeof frame !== 'string') {
        if (!this._waiting) throw new Error('binary data that no packet announced');
        this._waiting.attachments.push(frame);
      } else {
        if (this._waiting) throw new Error('text in place of an attachment');
        this._waiting = this._header(frame);
      }
      if (this._waiting.attachments.length < this._waiting.count) return null;
      const packet = this._waiting;
      this._waiting = null;
      return Decoder._finish(packet);
    }

    _header(frame) {
      const match = PACKET.exec(frame);
      if (!match) throw new Error('unknown packet type');
      const [, type, count, nsp = '/', id, json] = match;
      const binary = type > CONNECT_ERROR;
      if (binary !== (count !== undefined)) throw new Error('bad attachment count');
      if (binary && Number(count) > this._maxAttachments) throw new Error('too many attachments');
      if (id.length > MAX_ID_DIGITS) throw new Error('bad acknowledgement id');
      return {
        type: binary ? type - BINARY : Number(type),
        nsp,
        id: id === '' ? undefined : Number(id),
        json,
        count: Number(count || 0),
        attachments: [],
      };
    }

    static _finish({type, nsp, id, json, attachments}) {
      const restore = (key, value) => {
        if (!value || value._placeholder !== true) return value;
        if (!Number.isInteger(value.num) || !(value.num in attachments)) {
          throw new Error('placeholder without attachment');
        }
        return attachments[value.num];
      };
      const data = json === ''
        ? undefined : JSON.parse(json, attachments.length ? restore : undefined);
      if (!Decoder._isValid(type, data)) throw new Error('payload of the wrong shape');
      return {type, nsp, id, data};
    }

    static _isValid(type, data) {
      switch (type) {
        case CONNECT: return data === undefined || isObject(data);
        case DISCONNECT: return data === undefined;
        case CONNECT_ERROR: return typeof data === 'string' || isObject(data);
        case ACK: return Array.isArray(data);
        default: return Array.isArray(data) && (typeof data[0] === 'number'
          || (typeof data[0] === 'string' && !RESERVED.has(data[0])));
      }
    }
  }

  // ---- Transports: open(), send(frame), close(), writable; they call engine._onframe and _onlost

  class WebSocketTransport {
    constructor(engine) {
      this.name = 'websocket';
      this._engine = engine;
    }

    open() {
      const url = this._engine.url(this.name).replace(/^http/, 'ws');
      this._socket = new root.WebSocket(url);
      this._socket.binaryType = 'arraybuffer';
      this._socket.onmessage = ({data}) => this._engine._onframe(this, data);
      this._socket.onerror = () => this._engine._onlost(
        this, 'transport error', new Error('websocket error'));
      this._socket.onclose = ({code}) => this._engine._onlost(
        this, 'transport close', new Error(`websocket closed with code ${code}`));
    }

    get writable() { return this._socket.readyState === 1 && this._socket.bufferedAmount === 0; }

    send(frame) { if (this._socket.readyState === 1) this._socket.send(frame); }

    close() { if (this._socket) this._socket.close(); }
  }

  const SEPARATOR = '\x1e';

  function toBase64(data) {
    const bytes = data instanceof ArrayBuffer
      ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let text = '';
    for (let at = 0; at < bytes.length; at += 0x8000) { // bounded: the values become arguments
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  }

  const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;

  class PollingTransport {
    constructor(engine) {
      this.name = 'polling';
      this._engine = engine;
      this._queue = [];
      this._posting = false;
      this._closed = false;
      this._held = new AbortController(); // ends the waiting GET
    }

    open() { this._receive(); }

    get writable() { return !this._posting; }

    send(frame) {
      this._queue.push(typeof frame === 'string' ? frame : `b${toBase64(frame)}`);
      if (this._posting) return;
      this._posting = true;
      queueMicrotask(() => this._post()); // what is sent in one turn shares a request
    }

    close() {
      if (this._closed) return;
      if (this._engine.id) this.send('1');
      this._closed = true;
      this._held.abort();
    }

    async _receive() {
      try {
        while (!this._closed) {
          const body = await this._request('GET', {signal: this._held.signal});
          for (const packet of body.split(SEPARATOR)) this._decode(packet);
        }
      } catch (error) {
        this._engine._onlost(this, 'transport error', error);
      }
    }

    _decode(packet) {
      let frame = packet;
      try {
        if (packet[0] === 'b') frame = fromBase64(packet.slice(1));
      } catch (error) {
        this._engine._onlost(this, 'parse error', error);
        return;
      }
      this._engine._onframe(this, frame);
    }

    async _post() {
      try {
        while (this._queue.length) {
          const body = this._take();
          // the last words of a closed page; browsers grant 64 KiB
          const keepalive = this._closed && body.length < 16384;
          await this._request('POST', {body, keepalive});
        }
      } catch (error) {
        this._engine._onlost(this, 'transport error', error);
      }
      this._posting = false;
    }

    /** As many queued packets as the server takes in one request, at least one. */
    _take() {
      const encoder = new TextEncoder();
      let count = 0;
      let size = 0;
      for (const packet of this._queue) {
        size += encoder.encode(packet).length + (count ? 1 : 0);
        if (count && size > this._engine.maxPayload) break;
        count += 1;
      }
      return this._queue.splice(0, count).join(SEPARATOR);
    }

    async _request(method, extra) {
      const {extraHeaders, withCredentials} = this._engine.opts;
      const headers = {...extraHeaders};
      if (method === 'POST') headers['Content-Type'] = 'text/plain;charset=UTF-8';
      const response = await root.fetch(this._engine.url(this.name), {
        method, headers, cache: 'no-store',
        credentials: withCredentials ? 'include' : 'same-origin', ...extra,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`polling error: ${response.status} ${text.slice(0, 200)}`);
      return text;
    }
  }

  const TRANSPORTS = {websocket: WebSocketTransport, polling: PollingTransport};

  // ---- Engine -------------------------------------------------------------------------------

  const MAX_TIMER = 0x7fffffff; // setTimeout takes no more

  /**
   * One connection: chooses the transport, answers pings, notices silence. It reports to `owner`:
   * onopen(), onmessage(frame), and exactly once onclose(reason, error).
   */
  class Engine {
    constructor(address, opts, owner) {
      this.opts = opts;
      this.id = null;
      this.transport = null;
      this.maxPayload = Infinity;
      this.readyState = 'opening'; // then 'open', then 'closed'
      this._address = address;
      this._owner = owner;
      this._candidates = opts.transports.slice();
      this._timer = null; // until open: the WebSocket's chance; then: the next ping is due
      this._onoffline = () => this.fail('transport close', new Error('network connection lost'));
      this._onpagehide = () => this.fail('transport close', new Error('page closed'));
      if (root.addEventListener) {
        root.addEventListener('offline', this._onoffline);
        root.addEventListener('pagehide', this._onpagehide);
      }
    }

    url(transport) {
      const query = new URLSearchParams({...this.opts.query, EIO: 4, transport});
      if (this.id) query.set('sid', this.id);
      if (transport === 'polling') query.set('t', Date.now().toString(36));
      return `${this._address}?${query}`;
    }

    open() {
      const name = this._candidates.shift();
      this.transport = new TRANSPORTS[name](this);
      if (name === 'websocket') {
        this._wait(this.opts.websocketTimeout, 'transport error', 'websocket timeout');
      }
      try {
        this.transport.open();
      } catch (error) { // forbidden by the page's policy, or no WebSocket here at all
        const {transport} = this;
        queueMicrotask(() => this._onlost(transport, 'transport error', error));
      }
    }

    send(frames) { for (const frame of frames) this.transport.send(frame); }

    sendMessage([text, ...attachments]) { this.send([`4${text}`, ...attachments]); }

    /** True if the server has been silent too long, which a throttled timer may report late. */
    get expired() {
      if (Date.now() <= this._deadline) return false;
      queueMicrotask(() => this.fail('ping timeout'));
      return true;
    }

    close() { this.fail('forced close'); }

    fail(reason, error) {
      if (this.readyState === 'closed') return;
      this.readyState = 'closed';
      clearTimeout(this._timer);
      if (root.removeEventListener) {
        root.removeEventListener('offline', this._onoffline);
        root.removeEventListener('pagehide', this._onpagehide);
      }
      if (this.transport) this.transport.close();
      this._owner.onclose(reason, error);
    }

    _wait(delay, reason, message) {
      clearTimeout(this._timer);
      const transport = this.transport;
      this._timer = setTimeout(
        () => this._onlost(transport, reason, new Error(message)), Math.min(delay, MAX_TIMER));
    }

    _onlost(transport, reason, error) {
      if (transport !== this.transport || this.readyState === 'closed') return;
      if (this.readyState === 'open' || !this._candidates.length) {
        this.fail(reason, error);
      } else {
        this.transport = null;
        clearTimeout(this._timer);
        transport.close();
        this.open();
      }
    }

    _onframe(transport, frame) {
      if (transport !== this.transport || this.readyState === 'closed') return;
      const type = typeof frame === 'string' ? frame[0] : 'binary';
      const opening = this.readyState === 'opening';
      if (opening !== (type === '0')) {
        this._onlost(transport, 'parse error', new Error('no handshake, or a second one'));
      } else if (type === '0') {
        this._onhandshake(frame.slice(1));
      } else if (type === '1') {
        this.fail('transport close');
      } else if (type === '2') {
        this._expectPing();
        transport.send(`3${frame.slice(1)}`);
      } else if (type === '4') {
        this._owner.onmessage(frame.slice(1));
      } else if (type === 'binary') {
        this._owner.onmessage(frame);
      } else if (type !== '6') {
        this.fail('parse error', new Error('unexpected Engine.IO packet'));
      }
    }

    _onhandshake(json) {
      let data = null;
      try { data = JSON.parse(json); } catch { /* refused below */ }
      if (!isObject(data) || typeof data.sid !== 'string'
          || !(data.pingInterval > 0) || !(data.pingTimeout > 0)) {
        this._onlost(this.transport, 'parse error', new Error('bad handshake'));
        return;
      }
      this.id = data.sid;
      this.maxPayload = data.maxPayload > 0 ? data.maxPayload : Infinity;
      this._silence = data.pingInterval + data.pingTimeout;
      this.readyState = 'open';
      this._expectPing();
      this._owner.onopen();
    }

    _expectPing() {
      this._deadline = Date.now() + this._silence;
      this._wait(this._silence, 'ping timeout', 'no ping from the server');
    }
  }

  // ---- Manager and sockets ------------------------------------------------------------------

  /** Runs a listener of the page; what it throws goes where uncaught errors go. */
  function run(listener, self, args) {
    try {
      listener.apply(self, args);
    } catch (error) {
      if (root.reportError) root.reportError(error);
      else setTimeout(() => { throw error; });
    }
  }

  class Emitter {
    constructor() { this._listeners = new Map(); }

    on(event, listener) {
      this._listeners.set(event, [...this.listeners(event), listener]);
      return this;
    }

    once(event, listener) {
      const wrapper = (...args) => {
        this.off(event, wrapper);
        listener.apply(this, args);
      };
      wrapper.listener = listener;
      return this.on(event, wrapper);
    }

    /** Removes one listener of an event, all of them, or every listener there is. */
    off(event, listener) {
      if (event === undefined) this._listeners.clear();
      else if (listener === undefined) this._listeners.delete(event);
      else {
        this._listeners.set(event, this.listeners(event).filter(
          (known) => known !== listener && known.listener !== listener));
      }
      return this;
    }

    listeners(event) { return this._listeners.get(event) || []; }

    _fire(event, ...args) {
      for (const listener of this.listeners(event)) run(listener, this, args);
    }
  }

  /** One connection shared by namespaces, made again when it is lost. */
  class Manager extends Emitter {
    constructor(origin, opts) {
      super();
      this.opts = complete(opts);
      if (!this.opts.transports.length) throw new Error('transports is empty');
      for (const name of this.opts.transports) {
        if (!(name in TRANSPORTS)) throw new Error(`unknown transport "${name}"`);
      }
      this.engine = null;
      this._address = `${origin}/${this.opts.path.replace(/^\/+|\/+$/g, '')}/`;
      this._sockets = new Map();
      this._state = 'closed';
      this._attempts = 0;
      this._retry = null; // timer of the next attempt
    }

    socket(nsp, opts = {}) {
      if (!this._sockets.has(nsp)) {
        this._sockets.set(nsp, new Socket(this, nsp, opts.auth || this.opts.auth));
      }
      return this._sockets.get(nsp);
    }

    /** Connects now, unless that is under way. */
    open() {
      if (this._state !== 'closed') return this;
      clearTimeout(this._retry);
      this._retry = null;
      this._state = 'opening';
      this._decoder = new Decoder(this.opts.maxAttachments);
      const engine = new Engine(this._address, this.opts, {
        onopen: () => this._onopen(),
        onmessage: (frame) => this._onmessage(frame),
        onclose: (reason, error) => this._onclose(reason, error),
      });
      this.engine = engine;
      this._limit = setTimeout(
        () => engine.fail('transport error', new Error('timeout')), this.opts.timeout);
      engine.open();
      return this;
    }

    /** Closes the connection of every namespace, and stays closed. */
    disconnect() {
      clearTimeout(this._retry);
      this._retry = null;
      this._attempts = 0;
      if (this._state !== 'closed') this.engine.close();
    }

    _onopen() {
      clearTimeout(this._limit);
      this._state = 'open';
      const attempts = this._attempts;
      this._attempts = 0;
      this._fire('open');
      if (attempts) this._fire('reconnect', attempts);
      for (const socket of this._sockets.values()) if (socket.active) socket._join();
    }

    _onmessage(frame) {
      let packet;
      try {
        packet = this._decoder.add(frame);
      } catch (error) {
        this.engine.fail('parse error', error);
        return;
      }
      const socket = packet && this._sockets.get(packet.nsp);
      if (socket && socket.active) socket._onpacket(packet);
    }

    _onclose(reason, error) {
      clearTimeout(this._limit);
      const wasOpen = this._state === 'open';
      this._state = 'closed';
      for (const socket of this._sockets.values()) socket._onclose(reason, error);
      if (wasOpen) this._fire('close', reason, error);
      else if (reason !== 'forced close') {
        this._fire('error', error);
        if (this._attempts) this._fire('reconnect_error', error);
      }
      if (reason !== 'forced close' && this.opts.reconnection) this._reconnectLater();
    }

    _reconnectLater() {
      const wanted = [...this._sockets.values()].some((socket) => socket.active);
      if (!wanted || this._state !== 'closed') return; // a listener decided otherwise
      if (this._attempts >= this.opts.reconnectionAttempts) {
        this._attempts = 0;
        this._fire('reconnect_failed');
        return;
      }
      const {reconnectionDelay, reconnectionDelayMax, randomizationFactor} = this.opts;
      const spread = 1 + randomizationFactor * (2 * Math.random() - 1);
      const delay = Math.min(reconnectionDelay * 2 ** this._attempts * spread, reconnectionDelayMax);
      this._retry = setTimeout(() => {
        this._attempts += 1;
        this._fire('reconnect_attempt', this._attempts);
        this.open();
      }, delay);
    }

    /** A socket has left; the last one closes the connection. */
    _release() {
      if (![...this._sockets.values()].some((socket) => socket.active)) this.disconnect();
    }
  }

  /** One namespace. Everything its user calls is here; see the names of socket.io-client. */
  class Socket extends Emitter {
    constructor(manager, nsp, auth) {
      super();
      this.io = manager;
      this.nsp = nsp;
      this.auth = auth;
      this.id = undefined;
      this.connected = false;
      this.active = false; // connected, or trying to be
      this._flags = {};
      this._acks = new Map();
      this._nextId = 0;
      this._sendBuffer = [];    // {id, frames} emitted while not connected
      this._receiveBuffer = []; // events that came ahead of the server's CONNECT
    }

    get disconnected() { return !this.connected; }

    connect() {
      if (this.connected) return this;
      const joining = this.active;
      this.active = true;
      if (this.io._state !== 'open') {
        if (this.io._retry === null) this.io.open();
      } else if (!joining) this._join();
      return this;
    }

    disconnect() {
      if (!this.active) return this;
      if (this.connected) this._send(encode({type: DISCONNECT, nsp: this.nsp}));
      this._leave('io client disconnect');
      return this;
    }

    /** Send the next event only if it can go out at once. */
    get volatile() {
      this._flags.volatile = true;
      return this;
    }

    /** The next event's callback takes (error, ...values) and is called within `ms`. */
    timeout(ms) {
      this._flags.timeout = ms;
      return this;
    }

    /** Sends an event; a function as the last argument is called with the server's answer. */
    emit(event, ...args) {
      const {volatile, timeout} = this._flags;
      this._flags = {};
      if (RESERVED.has(event)) throw new Error(`"${event}" is a reserved event name`);
      const ack = typeof args[args.length - 1] === 'function' ? args.pop() : null;
      const id = ack ? this._nextId++ : undefined;
      const frames = encode({type: EVENT, nsp: this.nsp, id, data: [event, ...args]});
      if (ack) this._expectAck(id, ack, timeout);
      const ready = this.connected && !this.io.engine.expired;
      if (volatile && !(ready && this.io.engine.transport.writable)) return this;
      if (ready) this._send(frames);
      else this._sendBuffer.push({id, frames});
      return this;
    }

    /** Sends a 'message' event. */
    send(...args) { return this.emit('message', ...args); }

    /** As emit, and returns a promise of the answer; rejected if the connection is lost. */
    emitWithAck(event, ...args) {
      return new Promise((resolve, reject) => {
        const ack = (error, value) => (error ? reject(error) : resolve(value));
        ack.withError = true;
        this.emit(event, ...args, ack);
      });
    }

    _send(frames) { this.io.engine.sendMessage(frames); }

    _expectAck(id, ack, timeout) {
      const entry = {ack, withError: ack.withError || timeout !== undefined, timer: null};
      if (timeout !== undefined) {
        entry.timer = setTimeout(() => {
          this._acks.delete(id);
          this._sendBuffer = this._sendBuffer.filter((waiting) => waiting.id !== id);
          run(ack, this, [new Error('operation has timed out')]);
        }, timeout);
      }
      this._acks.set(id, entry);
    }

    _join() {
      const send = (data) => {
        if (this.active && this.io._state === 'open') {
          this._send(encode({type: CONNECT, nsp: this.nsp, data}));
        }
      };
      if (typeof this.auth === 'function') run(this.auth, this, [send]);
      else send(this.auth);
    }

    _leave(reason) {
      this.active = false;
      this._onclose(reason);
      this.io._release();
    }

    _onpacket({type, id, data}) {
      if (type === CONNECT) this._onconnect(data);
      else if (type === DISCONNECT) this._leave('io server disconnect');
      else if (type === CONNECT_ERROR) this._onrefused(data);
      else if (type === ACK) this._onack(id, data);
      else if (this.connected) this._onevent(id, data);
      else this._receiveBuffer.push([id, data]);
    }

    _onconnect(data) {
      if (this.connected) return;
      if (!data || typeof data.sid !== 'string') {
        this._onrefused('the server speaks another version of the protocol');
        return;
      }
      this.id = data.sid;
      this.connected = true;
      for (const [id, event] of this._receiveBuffer.splice(0)) this._onevent(id, event);
      for (const {frames} of this._sendBuffer.splice(0)) this._send(frames);
      this._fire('connect');
    }

    _onrefused(data) {
      this.active = false;
      const error = new Error(typeof data === 'string' ? data : data.message);
      if (isObject(data)) error.data = data.data;
      this._onclose('io server disconnect', error);
      this.io._release();
      this._fire('connect_error', error);
    }

    _onevent(id, [event, ...args]) {
      if (id !== undefined) {
        let answered = false;
        args.push((...values) => {
          if (answered || !this.connected) return;
          answered = true;
          this._send(encode({type: ACK, nsp: this.nsp, id, data: values}));
        });
      }
      this._fire(event, ...args);
    }

    _onack(id, values) {
      const entry = this._acks.get(id);
      if (!entry) return;
      this._acks.delete(id);
      clearTimeout(entry.timer);
      run(entry.ack, this, entry.withError ? [null, ...values] : values);
    }

    /** The connection is gone, or this namespace has been left. */
    _onclose(reason, error) {
      this._receiveBuffer = [];
      if (!this.connected) {
        if (this.active && reason !== 'forced close') {
          this._fire('connect_error', error || new Error(reason));
        }
        return;
      }
      this.connected = false;
      this.id = undefined;
      const unsent = new Set(this._sendBuffer.map((waiting) => waiting.id));
      for (const [id, entry] of this._acks) {
        if (unsent.has(id)) continue;
        this._acks.delete(id);
        clearTimeout(entry.timer);
        if (entry.withError) run(entry.ack, this, [new Error('socket has been disconnected')]);
      }
      this._fire('disconnect', reason, error);
    }
  }

  Socket.prototype.open = Socket.prototype.connect;
  Socket.prototype.close = Socket.prototype.disconnect;

  // ---- io() ---------------------------------------------------------------------------------

  const ADDRESS = /^(?:(https?|wss?):)?(?:\/\/([^/?#]+))?([^?#]*)(?:\?([^#]*))?/;
  const managers = new Map(); // address -> Manager

  /**
   * A socket for `url`: [origin]/namespace[?query], by default the page's origin and `/`.
   * Sockets of one origin share a connection, unless forceNew is set or multiplex is false.
   */
  function io(url, opts) {
    if (typeof url === 'object') return io('/', url);
    const [, scheme, host, path, query] = ADDRESS.exec(url || '/');
    const protocol = scheme ? `${scheme.replace('ws', 'http')}:` : root.location.protocol;
    const origin = `${protocol}//${host || root.location.host}`;
    const nsp = path || '/';
    const all = complete(opts);
    if (query) all.query = {...Object.fromEntries(new URLSearchParams(query)), ...all.query};
    const key = `${origin}${all.path}`;
    let manager = managers.get(key);
    if (!manager || all.forceNew || !all.multiplex || manager._sockets.has(nsp)) {
      manager = new Manager(origin, all);
      if (!all.forceNew && all.multiplex && !managers.has(key)) managers.set(key, manager);
    }
    const socket = manager.socket(nsp, all);
    if (all.autoConnect) socket.connect();
    return socket;
  }

  Object.assign(io, {io, connect: io, Manager, Socket, protocol: 5});
  root.io = io;
}(globalThis));
