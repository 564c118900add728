'use strict';

/**
 * A TCP relay between a client and the server. It can cut every connection, or let them stand and
 * carry nothing, which no client offers by itself; and it remembers the first bytes of each way,
 * so that a failed scenario shows what was on the wire.
 */

const net = require('net');
const { readable } = require('./wire');

const KEPT_EACH_WAY = 1500;
const UPGRADE = /^GET \S*[?&]transport=websocket/;
const KEPT_CONNECTIONS = 12;

class Proxy {
  constructor(port) {
    this.target = port;
    this.pairs = new Set();
    this.frozen = false;
    this.broken = false;
    this.onpoll = () => {};
    this.upgrades = null;
    this.records = [];
    this.server = net.createServer((client) => this.accept(client));
  }

  async open() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    return this;
  }

  accept(client) {
    if (this.broken) {
      client.destroy();
      return;
    }
    const upstream = net.connect(this.target, '127.0.0.1');
    const pair = { client, upstream, polling: false };
    const record = { client: Buffer.alloc(0), server: Buffer.alloc(0) };
    if (this.records.length < KEPT_CONNECTIONS) this.records.push(record);
    this.pairs.add(pair);
    this.carry(pair, client, upstream, record, 'client');
    this.carry(pair, upstream, client, record, 'server');
  }

  carry(pair, from, to, record, side) {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      const room = KEPT_EACH_WAY - record[side].length;
      if (room > 0) record[side] = Buffer.concat([record[side], chunk.subarray(0, room)]);
      if (this.frozen) return;
      pair.polling = side === 'client' && chunk.subarray(0, 4).toString() === 'GET ';
      if (pair.polling) this.onpoll();
      if (this.upgrades && UPGRADE.test(chunk.subarray(0, 300).toString('latin1'))) {
        from.pause();
        this.upgrades.push(() => to.write(chunk) && from.resume());
        return;
      }
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('error', () => from.destroy());
    from.on('end', () => this.frozen || to.end());
    from.on('close', () => this.frozen || to.end());
    from.on('close', () => to.destroyed && this.pairs.delete(pair));
  }

  /** Resolves when the server holds a GET that it has not answered. */
  polled() {
    if ([...this.pairs].some((pair) => pair.polling)) return Promise.resolve();
    return new Promise((resolve) => { this.onpoll = resolve; });
  }

  /** From now on keeps back each request for a websocket until `release`. */
  hold() {
    this.upgrades = [];
  }

  release() {
    const held = this.upgrades;
    this.upgrades = null;
    for (const pass of held) pass();
  }

  /** Cuts every connection, on both sides, and admits no other before `mend`. */
  cut() {
    this.broken = true;
    for (const { client, upstream } of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
    this.pairs.clear();
  }

  mend() {
    this.broken = false;
  }

  /** From now on nothing passes, not even the end of a connection. */
  freeze() {
    this.frozen = true;
  }

  /** The remembered wire, one entry a connection. */
  wire() {
    return this.records.map(({ client, server }) => ({ client: readable(client), server: readable(server) }));
  }

  close() {
    this.cut();
    this.server.close();
  }
}

module.exports = { Proxy };
