/*! geventio, MIT license */
/*
 * A Socket.IO client for browsers: one classic script without dependencies, which sets `io` on the
 * global object; modules import the same from geventio.esm.js. It speaks Engine.IO 4 and Socket.IO
 * protocol 5, and its names are those of socket.io-client:
 *
 *     const socket = io('/chat', {auth: {token: 'x'}});
 *     socket.on('connect', () => socket.emit('hello', new Uint8Array([1, 2, 3]), (answer) => {}));
 *
 * Five floors, each knowing only the ones above it in this file: emitter, parser (packets <->
 * frames), transports (frames <-> wire), engine (one connection: which transport, its upgrade and
 * its heartbeat), manager and sockets (reconnection, namespaces, acknowledgements). A frame is a
 * string or binary data. Names that begin with an underscore are private, and shortened in
 * geventio.min.js.
 *
 * Whatever a server sends, nothing is thrown into the page, and nothing of it becomes markup:
 * malformed input ends the connection with the reason 'parse error'. A listener that throws is
 * reported like any uncaught error and does not disturb the connection.
 */
(function (root) {
  'use strict';

  const DEFAULTS = {
    path: '/socket.io',        // where the server listens
    connectTimeout: 5000,      // ms a transport may take before the next one is tried
    timeout: 20000,            // ms one connection attempt may take, all transports together
    maxAttachments: 10,        // binary values accepted in one packet
    autoConnect: true,
    reconnection: true,
    reconnectionAttempts: Infinity,
    reconnectionDelay: 1000,   // ms before the first attempt; doubled for each further one
    reconnectionDelayMax: 5000,
    randomizationFactor: 0.5,  // each delay is varied by up to this share, both ways
  };

  // ---- Emitter ------------------------------------------------------------------------------

  /** Runs a listener of the page; what it throws goes where uncaught errors go. */
  function run(listener, self, args) {
    try {
      listener.apply(self, args);
    } catch (error) {
      queueMicrotask(() => { throw error; });
    }
  }

  class Emitter {
    constructor() { this._listeners = new Map(); }

    on(event, listener) {
      this._listeners.set(event, [...this.listeners(event), listener]);
      return this;
    }

    prepend(event, listener) {
      this._listeners.set(event, [listener, ...this.listeners(event)]);
      return this;
    }

    once(event, listener) {
      const wrapper = (...args) => {
        this.off(event, wrapper);
        listener.apply(this, args);
      };
      wrapper._listener = listener;
      return this.on(event, wrapper);
    }

    /** Takes a listener off an event once, or all that it has, or every listener there is. */
    off(event, listener) {
      const left = listener ? [...this.listeners(event)] : [];
      const at = left.findIndex((known) => known === listener || known._listener === listener);
      if (at >= 0) left.splice(at, 1);
      if (event === undefined) this._listeners.clear();
      else this._listeners.set(event, left);
      return this;
    }

    listeners(event) { return this._listeners.get(event) || []; }

    hasListeners(event) { return this.listeners(event).length > 0; }

    _fire(event, ...args) {
      for (const listener of this.listeners(event)) run(listener, this, args);
    }
  }

  const {prototype} = Emitter;
  prototype.addEventListener = prototype.addEvent = prototype.on;
  prototype.removeListener = prototype.removeAllListeners = prototype.off;
  prototype.removeEventListener = prototype.removeEvent = prototype.off;

  // ---- Parser -------------------------------------------------------------------------------

  const CONNECT = 0;
  const DISCONNECT = 1;
  const EVENT = 2;
  const ACK = 3;
  const CONNECT_ERROR = 4;
  const BINARY = 3; // BINARY_EVENT is EVENT + 3, BINARY_ACK is ACK + 3
  const RESERVED = /^(connect(_error)?|disconnect(ing)?|newListener|removeListener)$/;
  // type, number of attachments, namespace, acknowledgement id (longer ones are not exact), JSON
  const PACKET = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d{0,15})([^]*)$/;

  const isBinary = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value)
    || value instanceof Blob;

  function check(condition) { if (!condition) throw new Error('malformed packet'); }

  /** The frames of one packet: its text, then each binary value in the order of appearance. */
  function encode(type, nsp, data, id = '') {
    const attachments = [];
    const json = JSON.stringify(data, function (key, value) {
      const original = this[key]; // `value` has been through toJSON
      return isBinary(original)
        ? {_placeholder: true, num: attachments.push(original) - 1} : value;
    });
    const prefix = attachments.length ? `${type + BINARY}${attachments.length}-` : type;
    const namespace = nsp === '/' ? '' : `${nsp},`;
    return [`4${prefix}${namespace}${id}${json ?? ''}`, ...attachments];
  }

  /** Type, namespace, id, JSON of a text frame, and how many attachments are still to come. */
  function parse(frame, maxAttachments) {
    const [, type, count, nsp = '/', id, json] = PACKET.exec(frame);
    check(type > CONNECT_ERROR === !!count && !(count > maxAttachments));
    return [count ? type - BINARY : +type, nsp, id, json, +count];
  }

  /** The data of a packet, of the shape that its type wants. */
  function revive(type, json, attachments) {
    const data = json ? JSON.parse(json, attachments.length && ((key, value) => {
      if (!value || value._placeholder !== true) return value;
      const found = typeof value.num === 'number' && attachments[value.num];
      check(found);
      return found;
    })) : undefined;
    const isList = Array.isArray(data);
    if (type === EVENT) {
      check(isList && /^(string|number)/.test(typeof data[0]) && !RESERVED.test(data[0]));
    } else if (type === ACK) {
      check(isList);
    } else if (data === undefined) {
      check(type < EVENT);
    } else if (type !== CONNECT_ERROR || typeof data !== 'string') {
      check(type !== DISCONNECT && typeof data === 'object' && data && !isList);
    }
    return data;
  }

  // ---- Transports: _open(), _write(queue), _close(), _writable; told are engine._onframe, _onlost

  const failure = (message, context, description = message) => Object.assign(
    new Error(message), {type: 'TransportError', description, context});

  class Transport {
    constructor(engine) {
      const {opts} = engine;
      this._engine = engine;
      this._opts = {...opts, ...opts.transportOptions?.[this.name]};
    }

    _begin() { this._open().catch((error) => this._lost(error)); }

    _lost(error, reason = 'transport error') {
      this._closed = true;
      this._engine._onlost(this, reason, error);
    }
  }

  class WebSocketTransport extends Transport {
    get name() { return 'websocket'; }

    static get _usable() { return root.WebSocket; }

    async _open() {
      const url = this._engine._url(this).replace('http', 'ws');
      const socket = this._socket = new WebSocket(url, this._opts.protocols || []);
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => { if (this === this._engine._probe) socket.send('2probe'); };
      socket.onmessage = ({data}) => this._engine._onframe(this, data);
      socket.onerror = (event) => this._lost(failure('websocket error', event));
      socket.onclose = (event) => this._lost(
        failure('websocket connection closed', event), 'transport close');
    }

    get _writable() { return this._socket.readyState === 1 && !this._socket.bufferedAmount; }

    _write(queue) {
      for (const frame of queue.splice(0)) {
        if (this._socket.readyState === 1) this._socket.send(frame);
      }
    }

    _close() { this._socket?.close(); }
  }

  const SEPARATOR = '\x1e';

  const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;

  const toBase64 = (data) => new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([data]));
  });

  /** Long polling: a GET waits for what the server has to say, a POST takes the queue along. */
  class PollingTransport extends Transport {
    get name() { return 'polling'; }

    static get _usable() { return root.fetch; }

    get _writable() { return !this._posting; }

    /** Receives until it is closed, or paused for an upgrade. */
    async _open() {
      const engine = this._engine;
      this._polling = true;
      while (!this._closed && !engine._upgrading) {
        const body = await this._get(engine._url(this));
        for (const frame of body.split(SEPARATOR)) engine._onframe(this, frame);
      }
      this._polling = false;
      this._settle();
    }

    async _write(queue) {
      if (this._posting || !queue.length) return;
      const engine = this._engine;
      this._posting = true;
      try {
        await 0; // what is sent in one turn shares a request
        while (queue.length && !engine._upgrading) {
          const body = await this._take(queue);
          await this._request('post', engine._url(this), {
            method: 'POST',
            mode: this._mode,
            body: this._form(body),
            // the last words of a page that goes away
            keepalive: this._closed && body.length < 9999,
          });
        }
      } catch (error) {
        this._lost(error);
      }
      this._posting = false;
      if (this._closed) this._abort();
      this._settle();
    }

    /** Once nothing is under way the engine may move to another transport. */
    _settle() {
      if (this._engine._upgrading && !this._polling && !this._posting) this._engine._switch();
    }

    /** Sends what is left and a goodbye, then ends the waiting GET. */
    _close() {
      const {_queue, id} = this._engine;
      const works = id && !this._closed;
      this._closed = true;
      if (works) {
        _queue.push('1');
        this._write(_queue);
      } else {
        this._abort?.();
      }
    }

    /** As many queued frames as the server takes in one request, at least one. */
    async _take(queue) {
      const packets = [];
      let size = 0;
      for (const frame of queue) {
        const packet = typeof frame === 'string' ? frame : `b${await toBase64(frame)}`;
        size += new Blob([this._form(packet)]).size + 3; // a separator may take as much
        // the goodbye comes alone, as a server may heed it ahead of what is in front of it
        if (packets.length && (size > this._engine._maxPayload || frame === '1')) break;
        packets.push(packet);
      }
      queue.splice(0, packets.length);
      return packets.join(SEPARATOR);
    }

    _get(url) {
      const controller = new AbortController();
      this._abort = () => controller.abort();
      return this._request('poll', url, {signal: controller.signal});
    }

    _form(body) { return body; }

    async _request(verb, url, options) {
      let description;
      let context;
      try {
        const response = await fetch(url, {
          headers: this._opts.extraHeaders,
          cache: 'no-store',
          credentials: this._opts.withCredentials ? 'include' : 'same-origin',
          ...options,
        });
        description = response.status;
        context = await response.text();
        if (response.ok || response.type === 'opaque') return context;
      } catch (error) {
        description = error;
      }
      throw failure(`xhr ${verb} error`, context, description);
    }
  }

  // Loads the script it is told to and hands over what that has to say, through the port given.
  const JSONP_FRAME = `<script>onmessage=e=>{
let s=document.createElement("script"),f=d=>e.ports[0].postMessage(d)
___eio=[f]
s.onload=s.onerror=()=>f(s.remove())
s.src=e.data
document.head.append(s)}<\/script>`;

  /**
   * Polling for pages that the server gives no CORS headers: the answer to a GET is a script. It
   * runs in a frame that has no origin, where it can do nothing but hand over its text.
   */
  class JSONPTransport extends PollingTransport {
    get name() { return 'jsonp'; }

    static get _usable() { return root.document; }

    _get(url) {
      return new Promise((resolve, reject) => {
        const {port1, port2} = new MessageChannel();
        const frame = this._frame || document.createElement('iframe');
        const ask = () => frame.contentWindow.postMessage(url, '*', [port2]);
        port1.onmessage = ({data}) => {
          if (typeof data === 'string') resolve(data);
          else reject(failure('jsonp poll error'));
        };
        this._abort = () => frame.remove();
        if (this._frame) {
          ask();
        } else {
          this._frame = frame;
          frame.hidden = true;
          frame.sandbox = 'allow-scripts';
          frame.srcdoc = JSONP_FRAME;
          frame.addEventListener('load', ask, {once: true});
          document.documentElement.append(frame);
        }
      });
    }

    get _mode() { return 'no-cors'; }

    _form(body) {
      // the server takes a backslash and an n for a newline, unless a backslash is before them
      return new URLSearchParams({d: body.replace(/\\n/g, '\\\\n')});
    }
  }

  const TRANSPORTS = {
    websocket: WebSocketTransport,
    polling: PollingTransport,
    jsonp: JSONPTransport,
    // the names of 2010
    flashsocket: WebSocketTransport,
    htmlfile: PollingTransport,
    'xhr-multipart': PollingTransport,
    'xhr-polling': PollingTransport,
    'jsonp-polling': JSONPTransport,
  };

  // ---- Engine -------------------------------------------------------------------------------

  /**
   * One connection: chooses the transport, moves to a better one, answers pings, notices silence.
   * It tells the manager: _onopen(), _ondata(frame), and exactly once _onclose(reason, error).
   */
  class Engine extends Emitter {
    constructor(manager) {
      super();
      const {opts} = manager;
      const isOwn = manager._address.startsWith(`${location.origin}/`);
      const names = opts.transports || ['websocket', 'polling', isOwn ? '' : 'jsonp'];
      this.opts = opts;
      this.id = null;
      this.transport = null;
      this.readyState = 'opening'; // then 'open', then 'closed'
      this._manager = manager;
      this._queue = [];        // frames the transport has not taken yet
      this._probe = null;      // the WebSocket that is to take over from polling
      this._upgrading = false; // true while polling runs out for it
      const kinds = names.map((name) => TRANSPORTS[name]);
      const last = TRANSPORTS[manager._remembered()];
      if (kinds.includes(last)) kinds.unshift(last);
      this._candidates = [...new Set(kinds)].filter((kind) => kind?._usable);
      this._onleave = ({type}) => this._fail('transport close', failure(
        type === 'offline' ? 'network connection lost' : 'page closed'));
      addEventListener('offline', this._onleave);
      addEventListener('pagehide', this._onleave);
    }

    /** Gives this connection up, after which the manager makes the next one. */
    close() { this._fail('forced close', this.id ? undefined : failure('forced close')); }

    /** True if the server has been silent too long, which a throttled timer may report late. */
    _expired() {
      const expired = Date.now() > this._deadline;
      if (expired) queueMicrotask(() => this._fail('ping timeout'));
      return expired;
    }

    _url({name, _opts: {query}}) {
      const all = new URLSearchParams(query);
      all.set('EIO', 4);
      all.set('transport', name === 'websocket' ? name : 'polling');
      all.set('t', Date.now().toString(36));
      if (name === 'jsonp') all.set('j', 0);
      if (this.id) all.set('sid', this.id);
      return `${this._manager._address}?${all}`;
    }

    _open() {
      const Kind = this._candidates.shift();
      if (!Kind) {
        queueMicrotask(() => this._fail('transport error', failure('no usable transport')));
        return;
      }
      this.transport = new Kind(this);
      this._manager._fire('connecting', this.transport.name);
      // the last one may take its time, except a frame whose script the page's policy may forbid
      if (this._candidates.length || Kind === JSONPTransport) {
        this._wait(this.opts.connectTimeout, 'transport error');
      }
      this.transport._begin();
    }

    _send(...frames) {
      this._queue.push(...frames);
      if (!this._upgrading) this.transport._write(this._queue);
    }

    _isFree() { return !this._upgrading && !this._queue.length && this.transport._writable; }

    _fail(reason, error) {
      if (this.readyState === 'closed') return;
      this.readyState = 'closed';
      this._upgrading = false;
      clearTimeout(this._timer);
      removeEventListener('offline', this._onleave);
      removeEventListener('pagehide', this._onleave);
      this._probe?._close();
      this.transport?._close();
      this._manager._onclose(reason, error);
      this._fire('close', reason, error);
    }

    _wait(delay, reason) {
      const {transport} = this;
      clearTimeout(this._timer);
      this._timer = setTimeout(() => this._onlost(transport, reason, failure('timeout')), delay);
    }

    _onlost(transport, reason, error) {
      if (this.readyState === 'closed') return;
      if (transport === this._probe) {
        transport._close();
        this._probe = null;
        if (this._upgrading) { // then polling goes on
          this._upgrading = false;
          if (!this.transport._polling) this.transport._begin();
          this._send();
        }
      } else if (transport === this.transport) {
        if (this.id || !this._candidates.length) {
          this._fail(reason, error);
        } else {
          clearTimeout(this._timer);
          transport._close();
          this._queue = [];
          this._open();
        }
      }
    }

    _onframe(transport, frame) {
      if (this.readyState === 'closed') return;
      try {
        if (transport === this.transport) {
          this._onpacket(frame);
        } else if (transport === this._probe) {
          check(frame === '3probe');
          this._upgrading = true;
          this.transport._settle();
        }
      } catch (error) {
        this._onlost(transport, 'parse error', error);
      }
    }

    _onpacket(frame) {
      const isText = typeof frame === 'string';
      const type = isText ? frame[0] : 'b';
      if (!this.id) {
        check(type === '0');
        this._onhandshake(JSON.parse(frame.slice(1)));
      } else if (type === '4') {
        this._manager._ondata(frame.slice(1));
      } else if (type === 'b') {
        this._manager._ondata(isText ? fromBase64(frame.slice(1)) : frame);
      } else if (type === '2') {
        this._send('3');
        this._expectPing();
        this._manager._fire('ping');
      } else if (type === '1') {
        this.transport._lost(failure('transport closed by the server'), 'transport close');
      } else {
        check(type === '6');
      }
    }

    _onhandshake({sid, upgrades, pingInterval, pingTimeout, maxPayload}) {
      check(sid && typeof sid === 'string' && pingInterval > 0 && pingTimeout > 0);
      this.id = sid;
      this._maxPayload = maxPayload;
      this._silence = pingInterval + pingTimeout;
      this.readyState = 'open';
      this._expectPing();
      this._manager._remembered(this.transport.name);
      if (this.opts.upgrade !== false && `${upgrades}`.includes('websocket')
          && this._candidates.includes(WebSocketTransport)) {
        const probe = this._probe = new WebSocketTransport(this);
        setTimeout(() => {
          if (probe === this._probe) this._onlost(probe);
        }, this.opts.connectTimeout);
        probe._begin();
      }
      this._manager._onopen();
    }

    _expectPing() {
      this._deadline = Date.now() + this._silence;
      this._wait(this._silence, 'ping timeout');
    }

    /** Polling has nothing under way any more: the WebSocket takes over. */
    _switch() {
      const {rememberUpgrade, rememberTransport} = this.opts;
      this.transport = this._probe;
      this._probe = null;
      this._upgrading = false;
      this._queue.unshift('5');
      this._send();
      this._expectPing();
      if (rememberUpgrade || rememberTransport) this._manager._remembered('websocket');
      this._fire('upgrade', this.transport);
    }
  }

  // ---- Manager and sockets ------------------------------------------------------------------

  /** One connection shared by namespaces, made again when it is lost. */
  class Manager extends Emitter {
    constructor(origin, opts) {
      super();
      this.opts = {...DEFAULTS};
      for (const name in opts) if (opts[name] !== undefined) this.opts[name] = opts[name];
      this.engine = null;
      this._address = `${origin}/${this.opts.path.replace(/^\/+|\/+$/g, '')}/`;
      this._sockets = new Map();
      this._attempts = 0;
      this._retry = undefined; // timer of the next attempt
      if (this.opts.autoConnect) this.open();
    }

    get _state() { return this.engine?.readyState || 'closed'; }

    socket(nsp, opts) {
      const socket = this._sockets.get(nsp) || new Socket(this, nsp, opts);
      this._sockets.set(nsp, socket);
      if (this.opts.autoConnect) socket.connect();
      return socket;
    }

    /** Connects now, unless that is under way; calls back with an error or nothing. */
    open(callback) {
      if (this._state !== 'closed') return this;
      this._retry = clearTimeout(this._retry); // that is, undefined
      this._stopped = false;
      this._partial = null; // the packet whose attachments are being collected
      this._callback = callback;
      const engine = this.engine = new Engine(this);
      this._timer = this.opts.timeout && setTimeout(
        () => engine._fail('transport error', failure('timeout')), this.opts.timeout);
      engine._open();
      return this;
    }

    /** Closes the connection of every namespace, and stays closed. */
    disconnect() {
      this._retry = clearTimeout(this._retry); // that is, undefined
      this._attempts = 0;
      this._stopped = true;
      this.engine?._fail('forced close');
    }

    /** The transport to begin with, which worked the last time; told a name, it is that one. */
    _remembered(name) {
      const {opts: {rememberTransport}, _address} = this;
      if (name && rememberTransport !== false) this._last = name;
      try {
        if (rememberTransport) {
          if (name) localStorage[_address] = name;
          return localStorage[_address];
        }
      } catch { /* the page may have no storage */ }
      return this._last;
    }

    _onopen() {
      // what a page sends by JSONP may be refused unseen, so that there an answer has to come
      if (this.engine.transport.name !== 'jsonp') clearTimeout(this._timer);
      const attempts = this._attempts;
      this._attempts = 0;
      for (const socket of [...this._sockets.values()]) if (socket.active) socket._join();
      this._fire('open');
      this._answer();
      if (attempts) this._fire('reconnect', attempts);
    }

    _answer(...error) {
      const callback = this._callback;
      this._callback = null;
      if (callback) run(callback, this, error);
    }

    _ondata(frame) {
      clearTimeout(this._timer);
      const isText = typeof frame === 'string';
      check(isText !== !!this._partial);
      if (isText) {
        this._partial = parse(frame, this.opts.maxAttachments);
        this._attachments = [];
      } else {
        this._attachments.push(frame);
      }
      const [type, nsp, id, json, count] = this._partial;
      if (this._attachments.length < count) return;
      this._partial = null;
      const data = revive(type, json, this._attachments);
      const socket = this._sockets.get(nsp);
      if (socket?.active) socket._onpacket(type, id, data);
    }

    _onclose(reason, error) {
      const {id} = this.engine; // a listener may open the next one
      clearTimeout(this._timer);
      for (const socket of this._sockets.values()) socket._onclose(reason, error);
      if (id) {
        this._fire('close', reason, error);
      } else if (error) {
        this._fire('error', error);
        this._answer(error);
        if (this._attempts) this._fire('reconnect_error', error);
      }
      this._reconnectLater();
    }

    _reconnectLater() {
      const {
        reconnection, reconnectionAttempts, reconnectionDelay, reconnectionDelayMax,
        randomizationFactor,
      } = this.opts;
      if (!reconnection || this._stopped || !this._isWanted() || this._state !== 'closed') return;
      if (this._attempts >= reconnectionAttempts) {
        this._attempts = 0;
        this._fire('reconnect_failed');
        return;
      }
      const spread = 1 + randomizationFactor * (2 * Math.random() - 1);
      const delay = reconnectionDelay * 2 ** this._attempts * spread;
      this._retry = setTimeout(() => {
        this._attempts += 1;
        this._fire('reconnect_attempt', this._attempts);
        if (this._isWanted()) this.open();
      }, Math.min(delay, reconnectionDelayMax));
    }

    _isWanted() { return [...this._sockets.values()].some((socket) => socket.active); }
  }

  Manager.prototype.connect = Manager.prototype.open;
  // reconnection(), reconnectionDelay(5) ...: read an option, or set it for the time to come
  for (const name of Object.keys(DEFAULTS)) {
    Manager.prototype[name] = function (value) {
      if (value === undefined) return this.opts[name];
      this.opts[name] = value;
      return this;
    };
  }

  /** One namespace. Everything its user calls is here; see the names of socket.io-client. */
  class Socket extends Emitter {
    constructor(manager, nsp, opts) {
      if (!(manager instanceof Manager)) return firstGeneration(manager, nsp);
      super();
      this.io = manager;
      this.nsp = nsp;
      this.auth = opts?.auth;
      this.connected = false;
      this.recovered = false;
      this.active = false; // connected, or trying to be
      this.sendBuffer = [];    // packets emitted while not connected
      this.receiveBuffer = []; // events that came ahead of the server's CONNECT
      this._opts = opts || {};
      this._flags = {};
      this._acks = new Map(); // id -> function (error, values)
      this._nextId = 0;
      this._queue = []; // with the option `retries`: events, one of them under way at a time
    }

    get disconnected() { return !this.connected; }

    connect() {
      if (this.connected) return this;
      const joining = this.active;
      this.active = true;
      if (this.io._state !== 'open') {
        if (!this.io._retry) this.io.open();
      } else if (!joining) this._join();
      return this;
    }

    disconnect() {
      if (this.connected) this._send(DISCONNECT);
      if (this.active) this._leave('io client disconnect');
      return this;
    }

    /** Send the next event only if it can go out at once. */
    get volatile() {
      this._flags._volatile = true;
      return this;
    }

    /** The next event's callback takes (error, ...values) and is called within `ms`. */
    timeout(ms) {
      this._flags._timeout = ms;
      return this;
    }

    /** Accepted for the sake of other clients: browsers decide on compression themselves. */
    compress() { return this; }

    /** Sends an event; a function as the last argument is called with the server's answer. */
    emit(event, ...args) {
      const flags = this._flags;
      const data = [event, ...args];
      this._flags = {};
      if (RESERVED.test(event)) throw new Error(`"${event}" is a reserved event name`);
      const ack = typeof args[args.length - 1] === 'function' && data.pop();
      if (this._opts.retries && !flags._volatile && !flags._queued) {
        this._enqueue(data, ack, flags);
        return this;
      }
      const id = ack ? this._nextId++ : undefined;
      const packet = {id, data, _frames: encode(EVENT, this.nsp, data, id)};
      if (ack) this._expectAck(id, ack, flags._timeout);
      const {engine} = this.io;
      const ready = this.connected && !engine._expired();
      if (flags._volatile && !(ready && engine._isFree())) return this;
      if (ready) this._transmit(packet);
      else this.sendBuffer.push(packet);
      return this;
    }

    /** Sends a 'message' event. */
    send(...args) { return this.emit('message', ...args); }

    /** As emit, and returns a promise of the answer; rejected if the connection is lost. */
    emitWithAck(event, ...args) {
      return new Promise((resolve, reject) => {
        const ack = (error, value) => (error ? reject(error) : resolve(value));
        ack._withError = true;
        this.emit(event, ...args, ack);
      });
    }

    _send(type, data, id) { this.io.engine._send(...encode(type, this.nsp, data, id)); }

    _transmit({data, _frames}) {
      this._fire(OUTGOING, ...data);
      this.io.engine._send(..._frames);
    }

    _expectAck(id, ack, timeout = this._opts.ackTimeout) {
      const timer = timeout >= 0 && setTimeout(() => {
        this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
        settle(new Error('operation has timed out'));
      }, timeout);
      const settle = (error, values = []) => {
        this._acks.delete(id);
        clearTimeout(timer);
        if (ack._withError || timer) run(ack, this, [error, ...values]);
        else if (!error) run(ack, this, values);
      };
      this._acks.set(id, settle);
    }

    // -- with the option `retries`

    _enqueue(data, ack, flags) {
      const entry = {_attempts: 0, _pending: false};
      const settle = (error, ...values) => {
        if (entry !== this._queue[0]) return; // answered already
        entry._pending = false;
        if (!error || entry._attempts > this._opts.retries) {
          this._queue.shift();
          if (ack) run(ack, this, [error, ...values]);
        }
        this._flush();
      };
      settle._withError = true;
      entry._emit = () => {
        this._flags = {...flags, _queued: true};
        this.emit(...data, settle);
      };
      this._queue.push(entry);
      this._flush();
    }

    _flush() {
      const [entry] = this._queue;
      if (!this.connected || !entry || entry._pending) return;
      entry._pending = true;
      entry._attempts += 1;
      entry._emit();
    }

    // -- what the manager tells

    _join() {
      const send = (data) => {
        if (this.active && this.io._state === 'open') {
          this._send(CONNECT, this._pid ? {pid: this._pid, offset: this._offset, ...data} : data);
        }
      };
      if (typeof this.auth === 'function') run(this.auth, this, [send]);
      else send(this.auth);
    }

    /** Leaves the namespace; the last one that leaves closes the connection. */
    _leave(reason, error) {
      this.active = false;
      this._onclose(reason, error);
      if (!this.io._isWanted()) this.io.disconnect();
    }

    _onpacket(type, id, data) {
      if (type === CONNECT) this._onconnect(data);
      else if (type === DISCONNECT) this._leave('io server disconnect');
      else if (type === CONNECT_ERROR) this._onrefused(data);
      else if (type === ACK) {
        const settle = id && this._acks.get(+id);
        if (settle) settle(null, data);
      } else if (this.connected) this._onevent(id, data);
      else this.receiveBuffer.push([id, data]);
    }

    _onconnect(data) {
      if (this.connected) return;
      const {sid, pid} = data || {};
      if (!sid || typeof sid !== 'string') {
        this._onrefused('incompatible server');
        return;
      }
      this.id = sid;
      this.connected = true;
      this.recovered = !!pid && pid === this._pid;
      if (!this.recovered) this._offset = undefined;
      this._pid = pid;
      for (const event of this.receiveBuffer.splice(0)) this._onevent(...event);
      for (const packet of this.sendBuffer.splice(0)) this._transmit(packet);
      this._flush();
      this._fire('connect');
    }

    _onrefused(data) {
      const error = new Error(data.message || data);
      error.data = data.data;
      this._leave('io server disconnect', error);
      this._fire('connect_error', error);
    }

    _onevent(id, data) {
      const last = data[data.length - 1];
      if (id) {
        let answered = false;
        data.push((...values) => {
          if (answered || !this.connected) return;
          answered = true;
          this._send(ACK, values, id);
        });
      } else if (this._pid && data.length > 1 && typeof last === 'string') {
        this._offset = last;
      }
      this._fire(INCOMING, ...data);
      this._fire(...data);
    }

    /** The connection is gone, or this namespace has been left. */
    _onclose(reason, error) {
      this.receiveBuffer = [];
      if (!this.connected) {
        if (this.active && error) this._fire('connect_error', error);
        return;
      }
      this.connected = false;
      this.id = undefined;
      const lost = new Error('socket has been disconnected');
      for (const [id, settle] of this._acks) {
        if (!this.sendBuffer.some((packet) => packet.id === id)) settle(lost);
      }
      this._fire('disconnect', reason, error);
    }
  }

  Socket.prototype.open = Socket.prototype.connect;
  Socket.prototype.close = Socket.prototype.disconnect;

  // listeners of every event: onAny, prependAny, offAny, listenersAny, and with AnyOutgoing
  const INCOMING = Symbol();
  const OUTGOING = Symbol();
  for (const [suffix, event] of [['Any', INCOMING], ['AnyOutgoing', OUTGOING]]) {
    for (const verb of ['on', 'prepend', 'off', 'listeners']) {
      Socket.prototype[verb + suffix] = function (listener) { return this[verb](event, listener); };
    }
  }

  // ---- io() ---------------------------------------------------------------------------------

  const ADDRESS = /^(?:(http|ws)(s?):)?(?:\/\/)?([^/?#]*)([^?#]*)\??([^#]*)/;
  const managers = new Map(); // address -> Manager

  /**
   * A socket for `url`: [origin]/namespace[?query], by default the page's origin and `/`.
   * Sockets of one origin share a connection, unless forceNew is set or multiplex is false.
   */
  function io(url, opts) {
    if (typeof url === 'object') return io('', url);
    const [, scheme, secure, host, path, query] = ADDRESS.exec(url || '');
    const protocol = scheme ? `http${secure}:` : location.protocol;
    const {origin} = new URL(`${protocol}//${host || location.host}`);
    const nsp = path || '/';
    const all = {query: Object.fromEntries(new URLSearchParams(query)), ...opts};
    const key = origin + all.path;
    const isShared = !all.forceNew && all.multiplex !== false;
    const known = isShared && managers.get(key);
    const manager = known && !known._sockets.has(nsp) ? known : new Manager(origin, all);
    if (isShared && !known) managers.set(key, manager);
    return manager.socket(nsp, all);
  }

  /** `new io.Socket(host, options)`: the API of 2010 over the same core, with its defaults. */
  function firstGeneration(host, opts) {
    const {secure, port, resource, reconnect} = opts || {};
    const address = `//${host || location.hostname}:${port || location.port}`;
    const socket = io(secure ? `https:${address}` : address, {
      path: resource, rememberTransport: true, reconnection: !!reconnect, ...opts,
      autoConnect: false, forceNew: true,
    });
    socket.io.on('connecting', (name) => socket._fire('connecting', name));
    return socket.on('connect_error', (error) => socket._fire('connect_failed', error));
  }

  root.io = Object.assign(io, {io, connect: io, Manager, Socket, protocol: 5});
}(globalThis));
