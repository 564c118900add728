'use strict';

/** Large messages, many messages, and order, also while the transport changes. */

const assert = require('assert');
const { within } = require('../peer');
const { BYTES, consecutive, same } = require('../values');

const LARGE = 100 * 1024;

/** Collects the `number` events of a peer from now on. */
function numbersOf(peer) {
  const numbers = [];
  peer.socket.on('number', (value) => numbers.push(value));
  return numbers;
}

module.exports = {
  async 'large text'(t) {
    const peer = await t.open().ready();
    const text = 'x€'.repeat(LARGE / 4);
    assert.ok((await peer.ask('echo', text))[0] === text);
    const sizes = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(LARGE));
    same(await peer.ask('measure', ...sizes), [sizes.map(() => ['str', LARGE, true])]);
  },

  async 'large binary'(t) {
    const peer = await t.open().ready();
    const blob = Buffer.alloc(LARGE, BYTES);
    assert.ok(Buffer.from((await peer.ask('echo', blob))[0]).equals(blob));
    same(await peer.ask('measure', Buffer.alloc(LARGE, 7), Buffer.alloc(LARGE, 9)), [
      [['bytes', LARGE, true], ['bytes', LARGE, true]],
    ]);
  },

  async 'large from the server'(t) {
    const peer = await t.open().ready();
    peer.listen('inflated');
    const asked = Array.from({ length: 4 }, () => peer.ask('inflate', LARGE, 'abc€'));
    const text = 'abc€'.repeat(LARGE / 4);
    for (const answer of asked) {
      const [length, big, blob] = await answer;
      assert.ok(length === LARGE && big === text);
      assert.ok(Buffer.from(blob).equals(Buffer.alloc(LARGE, 0xfe)));
      const [sent, bytes] = await peer.next('inflated');
      assert.ok(sent === text && Buffer.from(bytes).equals(Buffer.alloc(LARGE, BYTES)));
    }
  },

  async 'more than one request may carry'(t) {
    const peer = await t.open().ready();
    const text = 'y'.repeat(LARGE);
    const answers = Array.from({ length: 25 }, (_, index) => peer.ask('measure', text, [index]));
    for (const answer of answers) same(await answer, [[['str', LARGE, true], ['list', 1, true]]]);
  },

  async 'many in one tick'(t) {
    const peer = await t.open().ready();
    const numbers = numbersOf(peer);
    for (let value = 0; value < 100; value += 1) peer.emit('number', value);
    consecutive((await peer.ask('numbers'))[0], 100, 'client to server');
    same(await peer.ask('burst', 300), [300]);
    consecutive(numbers, 300, 'server to client');
  },

  async 'many with binary in one tick'(t) {
    const peer = await t.open().ready();
    peer.listen('reflected');
    for (let value = 0; value < 50; value += 1) peer.emit('reflect', value, Buffer.from([value]), `€${value}`);
    for (let value = 0; value < 50; value += 1) {
      same(await peer.next('reflected'), [value, Buffer.from([value]), `€${value}`]);
    }
  },

  async 'order both ways'(t) {
    // A websocket is kept waiting, so that some numbers go each way before the upgrade.
    const upgrading = t.transport.first !== t.transport.last;
    if (upgrading) t.proxy.hold();
    const peer = t.open();
    const numbers = numbersOf(peer);
    const used = new Set();
    let sent = 0;
    await peer.connected();
    peer.listen('streamed');
    peer.emit('stream');

    const sendUntil = (enough, what) => within(new Promise((resolve) => {
      const timer = setInterval(() => {
        used.add(peer.transportName);
        for (let index = 0; index < 5; index += 1) peer.emit('number', sent + index);
        sent += 5;
        if (!enough()) return;
        clearInterval(timer);
        resolve();
      }, 2);
    }), what);

    await sendUntil(() => sent >= 100 && numbers.length >= 100, 'hundred numbers');
    if (upgrading) t.proxy.release();
    await sendUntil(() => peer.transportName === peer.transport.last, 'upgrade');
    const before = [sent, numbers.length];
    await sendUntil(() => sent >= before[0] + 100 && numbers.length >= before[1] + 100, 'hundred more');

    await peer.ask('stop stream');
    const [streamed] = await peer.next('streamed');
    consecutive((await peer.ask('numbers'))[0], sent, 'client to server');
    consecutive(numbers, streamed, 'server to client');
    same([...used], upgrading ? ['polling', 'websocket'] : [peer.transport.last], 'transports used');
  },
};
