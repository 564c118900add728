'use strict';

/**
 * What a scenario is given, in the page: sockets of the client under test, the networks around
 * them, and a log. A scenario asserts nothing: it logs what it sees, and what the official client
 * makes it see is what ours has to.
 */
(() => {
  const PATIENCE = 6000;
  const scenarios = new Map();
  const uncaught = [];

  addEventListener('error', (event) => uncaught.push(String(event.error || event.message)));
  addEventListener('unhandledrejection', (event) => uncaught.push(String(event.reason)));

  /** Adds a scenario: an async function of a Trial. */
  window.scenario = (name, body) => scenarios.set(name, body);

  window.within = (promise, what, milliseconds = PATIENCE) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no ${what} in ${milliseconds} ms`)), milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  window.pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** Binary as its type, length and bytes, as far as a reader can want them. */
  function bytes(value) {
    const view = value instanceof ArrayBuffer
      ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const sum = view.reduce((total, byte) => (total * 31 + byte) % 1000003, 0);
    return `${value.constructor.name}(${view.length}) ${view.slice(0, 16).join(' ')} #${sum}`;
  }

  /** A value as JSON can carry it out of the page. */
  window.plain = function plain(value) {
    if (value === undefined) return '(undefined)';
    if (typeof value === 'function') return '(function)';
    if (typeof value === 'string' && value.length > 200) return `${value.slice(0, 20)}…(${value.length})`;
    if (value instanceof Error) {
      return { error: value.message, ...(value.data !== undefined && { data: plain(value.data) }) };
    }
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return bytes(value);
    if (Array.isArray(value)) return value.map(plain);
    if (value && typeof value === 'object') {
      const made = Object.getPrototypeOf(value);
      if (made !== Object.prototype) return `(${made && made.constructor.name})`;
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
    }
    return Number.isNaN(value) ? '(NaN)' : value;
  };

  window.uncaught = uncaught;

  class Trial {
    /**
     * @param {object} setting  `port` of the server, `ports` of its other kinds, `options` that
     *   choose the transport, `last` the transport it ends with, `unique` a name of this run
     */
    constructor(setting) {
      Object.assign(this, setting);
      this.transcript = [];
      this.sockets = [];
    }

    log(label, ...values) {
      this.transcript.push([label, ...values.map(plain)]);
    }

    /** What a function throws, or returns. */
    attempt(action) {
      try {
        return action();
      } catch (error) {
        return `thrown: ${error instanceof Error}`;
      }
    }

    /** A socket of a connection of its own that does not come again, unless told otherwise. */
    open(nsp = '/', { port = this.port, ...options } = {}) {
      return this.keep(io(`http://127.0.0.1:${port}${nsp}`, {
        forceNew: true, reconnection: false, ...this.options, ...options,
      }));
    }

    keep(socket) {
      this.sockets.push(socket);
      return socket;
    }

    /** The arguments of the next event. */
    next(emitter, event, milliseconds) {
      return within(new Promise((resolve) => {
        emitter.once(event, (...args) => resolve(args));
      }), `'${event}'`, milliseconds);
    }

    /** A condition that no event announces. */
    async until(condition, what) {
      const deadline = Date.now() + PATIENCE;
      while (!condition()) {
        if (Date.now() > deadline) throw new Error(`no ${what}`);
        await pause(5);
      }
    }

    /** A connected socket, with the transport that it ends with. */
    async ready(socket) {
      if (!socket.connected) {
        const failed = this.next(socket, 'connect_error').then(([error]) => { throw error; });
        failed.catch(() => {});
        await Promise.race([this.next(socket, 'connect'), failed]);
      }
      await this.until(() => socket.io.engine.transport.name === this.last, 'upgrade');
      return socket;
    }

    async opened(nsp, options) {
      return this.ready(this.open(nsp, options));
    }

    /** The answer to an event as an array. */
    ask(socket, ...args) {
      return within(new Promise((resolve) => {
        socket.emit(...args, (...answer) => resolve(answer));
      }), `answer to '${args[0]}'`);
    }

    /** Logs events of an emitter as they come. */
    watch(emitter, name, events) {
      for (const event of events) {
        emitter.on(event, (...args) => this.log(`${name} ${event}`, ...args.map((arg) => (
          arg && arg.description !== undefined && !(arg instanceof Error)
            ? `details: ${arg.description}` : arg))));
      }
    }

    async post(path, what = {}) {
      const answer = await fetch(path, { method: 'POST', body: JSON.stringify(what) });
      return answer.json();
    }

    /** A network of its own in front of a server: {port, set(action or {upgrades})}. */
    async network({ target = this.port, upgrades = 'pass' } = {}) {
      const { port } = await this.post('/proxy', { target, upgrades, owner: this.unique });
      return {
        port,
        set: (what) => this.post(`/proxy/${port}`, typeof what === 'string' ? { action: what } : what),
      };
    }

    end() {
      for (const socket of this.sockets) {
        socket.disconnect();
      }
    }
  }

  window.Trial = Trial;

  /** Plays a scenario: {transcript, failure, uncaught}. */
  window.play = async (name, setting) => {
    uncaught.length = 0;
    const trial = new Trial(setting);
    let failure = null;
    try {
      await within(scenarios.get(name)(trial), 'end of the scenario', 15000);
    } catch (error) {
      failure = String(error.stack || error);
    }
    const transcript = [...trial.transcript];
    try {
      trial.end();
    } catch (error) {
      failure = failure || `ending it: ${error.stack}`;
    }
    await pause(0); // in which what was thrown into the page is reported
    return { transcript, failure, uncaught: [...uncaught] };
  };
})();
