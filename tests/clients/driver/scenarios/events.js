'use strict';

/** Connecting, events and acknowledgements both ways, text, binary. */

const assert = require('assert');
const { BYTES, PRODUCTS, same } = require('../values');

/** What the server says it received, as values. */
async function seen(peer, ...args) {
  const [text] = await peer.ask('describe', ...args);
  return JSON.parse(text);
}

/** Sends the arguments three ways: described by the server, returned in an ack, sent back in an event. */
async function roundTrip(peer, args, what) {
  peer.listen('reflected');
  same(await seen(peer, ...args), args, `${what}, as the server saw it`);
  same(await peer.ask('echo', ...args), args, `${what}, back in an ack`);
  peer.emit('reflect', ...args);
  same(await peer.next('reflected'), args, `${what}, back in an event`);
}

/** Asks the server for values of its own, in an event and in an ack. */
async function product(peer, kind) {
  peer.listen('product');
  same(await peer.ask('produce', kind), PRODUCTS[kind], `${kind} in an ack`);
  same(await peer.next('product'), PRODUCTS[kind], `${kind} in an event`);
}

module.exports = {
  async connect(t) {
    t.proxy.hold();
    const peer = t.open();
    // A websocket that is to be an upgrade is kept waiting until polling has done its part.
    if (peer.transport.first === 'websocket') t.proxy.release();
    await peer.connected();
    assert.strictEqual(peer.transportName, peer.transport.first);
    assert.match(peer.socket.id, /^[\w-]{16,}$/);
    const [welcome] = await peer.next('welcome');
    assert.strictEqual(welcome.sid, peer.socket.id);
    assert.strictEqual(welcome.namespace, '/');
    if (peer.transport.first === 'polling') t.proxy.release();
    await peer.upgraded();
    assert.strictEqual(peer.transportName, peer.transport.last);
    same(await peer.ask('echo', 'still here'), ['still here']);
  },

  async events(t) {
    const peer = await t.open().ready();
    peer.listen('reflected');
    for (const args of [[], ['one'], ['one', 2, [3, [4]], { five: { six: 7 } }]]) {
      peer.emit('reflect', ...args);
      same(await peer.next('reflected'), args);
      same(await seen(peer, ...args), args);
    }
  },

  async values(t) {
    const peer = await t.open().ready();
    same(await seen(peer, ...PRODUCTS.value), PRODUCTS.value);
    same(await peer.ask('echo', ...PRODUCTS.value), PRODUCTS.value);
    await product(peer, 'value');
  },

  async 'values of JavaScript'(t) {
    const peer = await t.open().ready();
    const sent = [undefined, NaN, Infinity, 1e21, new Date(1700000000123), { gone: undefined, kept: 1 }];
    const arrived = [null, null, null, 1e21, '2023-11-14T22:13:20.123Z', { kept: 1 }];
    same(await seen(peer, ...sent), arrived);
    same(await peer.ask('echo', ...sent), arrived);
  },

  async 'ack from the server'(t) {
    const peer = await t.open().ready();
    same(await peer.ask('quiet', 1), []);
    same(await peer.ask('echo', 'one'), ['one']);
    same(await peer.ask('echo', 1, { two: [3] }, null), [1, { two: [3] }, null]);
    const answers = await Promise.all([
      peer.ask('later', 0.09, 'a'),
      peer.ask('later', 0.05, 'b'),
      peer.ask('later', 0.01, 'c'),
      peer.ask('echo', 'd'),
    ]);
    same(answers, [['a'], ['b'], ['c'], ['d']]);
  },

  async 'ack to the server, by callback'(t) {
    const peer = await t.open().ready();
    peer.listen('answered');
    peer.socket.on('question', (...args) => args.pop()(args.length, ...args));
    for (const args of [[], ['why?'], ['a', { b: 1 }, Buffer.from('c'), '€']]) {
      peer.emit('ask by callback', ...args);
      const [text, ...values] = await peer.next('answered');
      same(JSON.parse(text), [args.length, ...args]);
      same(values, [args.length, ...args]);
    }
  },

  async 'ack to the server, by call'(t) {
    const peer = await t.open().ready();
    peer.socket.on('question', (value, answer) => answer({ you: value }));
    for (const value of ['why?', { deep: [1] }, '😀', Buffer.from([1, 0, 255])]) {
      const [text, answer] = await peer.ask('ask by call', value);
      same(JSON.parse(text), [{ you: value }]);
      same(answer, { you: value });
    }
  },

  async 'ack to the server, never given'(t) {
    const peer = await t.open().ready();
    same(await peer.ask('ask in vain'), ['TimeoutError']);
    same(await peer.ask('echo', 'after'), ['after']);
  },

  async 'text from the client'(t) {
    const peer = await t.open().ready();
    // One packet each first: 1.x and 2.x, which say the same EIO, are told apart by their text.
    for (const text of PRODUCTS.text) same(await seen(peer, text), [text], 'one text');
    await roundTrip(peer, PRODUCTS.text, 'texts');
    await roundTrip(peer, PRODUCTS.key, 'keys');
  },

  async 'text from the server'(t) {
    const peer = await t.open().ready();
    await product(peer, 'text');
    await product(peer, 'key');
  },

  async 'text beside binary'(t) {
    const peer = await t.open().ready();
    await roundTrip(peer, ['€ 😀', Buffer.from([0xe2, 0x82, 0xac]), { 'é': Buffer.from('é') }], 'mixture');
  },

  async 'names of events'(t) {
    const peer = await t.open().ready();
    peer.listen('ответ 😀');
    peer.emit('ünïcode ✓ "name"', 1);
    same(await peer.next('ответ 😀'), [1]);
  },

  async surrogates(t) {
    const peer = await t.open().ready();
    await roundTrip(peer, PRODUCTS.surrogate, 'lone surrogates');
    await product(peer, 'surrogate');
  },

  async 'binary from the client'(t) {
    const peer = await t.open().ready();
    await roundTrip(peer, [BYTES], 'a Buffer');
    await roundTrip(peer, PRODUCTS.blob, 'several');
    await roundTrip(peer, PRODUCTS.nest, 'nested');
    await roundTrip(peer, PRODUCTS.many, 'ten attachments');
    const view = new Uint8Array(BYTES.buffer, BYTES.byteOffset + 10, 20);
    same(await seen(peer, view.buffer.slice(view.byteOffset, view.byteOffset + 20)), [view], 'an ArrayBuffer');
    await roundTrip(peer, [{ _placeholder: false, num: 0 }, BYTES], 'a false placeholder');
  },

  async 'binary from the server'(t) {
    const peer = await t.open().ready();
    for (const kind of ['blob', 'nest', 'many']) await product(peer, kind);
  },

  async 'binary in acks'(t) {
    const peer = await t.open().ready();
    peer.listen('answered');
    same(await peer.ask('echo', { a: BYTES }, Buffer.from('b')), [{ a: BYTES }, Buffer.from('b')]);
    peer.socket.on('question', (...args) => args.pop()(args, BYTES));
    peer.emit('ask by callback', Buffer.from('x'), [Buffer.from('y')]);
    const [text] = await peer.next('answered');
    same(JSON.parse(text), [[Buffer.from('x'), [Buffer.from('y')]], BYTES]);
  },

  async 'typed arrays'(t) {
    const peer = await t.open().ready();
    const view = new Uint8Array(BYTES.buffer, BYTES.byteOffset + 10, 20);
    same(await seen(peer, view, [view]), [view, [view]]);
  },

  async 'promises and retries'(t) {
    const peer = await t.open({ retries: 2, ackTimeout: 2000 }).ready();
    assert.strictEqual(await peer.socket.emitWithAck('echo', 'promise'), 'promise');
    assert.strictEqual(await peer.socket.timeout(2000).emitWithAck('echo', 'in time'), 'in time');
    await assert.rejects(peer.socket.timeout(50).emitWithAck('later', 0.5, 'late'));
    peer.listen('number');
    for (let value = 0; value < 5; value += 1) peer.emit('reflect', value);
    peer.listen('reflected');
    for (let value = 0; value < 5; value += 1) same(await peer.next('reflected'), [value]);
  },
};
