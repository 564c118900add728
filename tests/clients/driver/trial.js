'use strict';

/** What a scenario is given: clients through a relay of its own, and the server's own records. */

const http = require('http');
const { GENERATIONS, Peer, TRANSPORTS, within } = require('./peer');
const { Proxy } = require('./proxy');

class Trial {
  constructor(kind, port) {
    this.kind = kind;
    this.port = port;
    this.generation = GENERATIONS[kind.client];
    this.transport = TRANSPORTS[kind.transport];
    this.peers = [];
  }

  async begin() {
    this.proxy = await new Proxy(this.port).open();
    return this;
  }

  /** A new client of this trial's kind, which has begun to connect. */
  open(options) {
    const peer = new Peer(this.kind, this.proxy.port, options);
    this.peers.push(peer);
    return peer;
  }

  /** A name that no other process of this run uses. */
  unique(name) {
    return `${name} ${this.kind.client} ${this.kind.transport} ${process.pid}`;
  }

  /** The reason the server's disconnect handler was given for a socket id, waited for. */
  reason(sid) {
    const url = `http://127.0.0.1:${this.port}/reason?sid=${encodeURIComponent(sid)}`;
    return new Promise((resolve, reject) => {
      http.get(url, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`the server's disconnect handler never ran for ${sid}`));
        });
      }).on('error', reject);
    });
  }

  end() {
    for (const peer of this.peers) peer.close();
    this.proxy.close();
  }
}

/** Runs work that may fail and writes one line of JSON: {name, ok, ms} and, failed, error and wire. */
async function report(name, trials, limit, work) {
  const started = Date.now();
  const result = { name, ok: true };
  try {
    await within(work(), 'end of the scenario', limit);
  } catch (error) {
    const wire = trials.flatMap((trial) => trial.proxy.wire());
    Object.assign(result, { ok: false, error: error.stack || String(error), wire });
  }
  for (const trial of trials) trial.end();
  result.ms = Date.now() - started;
  say(result);
}

/** Writes a line of JSON. */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// A wait that a failed scenario leaves behind fails later; the scenario has been told.
process.on('unhandledRejection', () => {});

module.exports = { Trial, report, say };
