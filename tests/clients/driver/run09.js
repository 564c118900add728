'use strict';

/**
 * Runs scenarios with the official 0.9 client over one transport, and writes one line of JSON each:
 * {name, ok, ms} or {name, ok: false, ms, error}. Without scenarios it writes the names of all.
 *
 *   node run09.js '{"transport": "xhr-polling", "port": 5000, "scenarios": ["connect"]}'
 */

const assert = require('assert');
const { within } = require('./peer');
const { Peer09 } = require('./peer09');
const { Trial, report, say } = require('./trial');
const { same } = require('./values');

const LIMIT = 15000;
const TEXT = 'é € 日本語 😀 a😀b 👨‍👩‍👧 : + \u2028 "quoted" \\ \n\r\t <script>&amp; \ufffd5\ufffd end';
const VALUES = [null, true, false, 0, -1, 1.5, 9007199254740991, '', TEXT, [], {}, [[]],
  { a: { b: [1, { '😀': TEXT }] } }];

class Trial09 extends Trial {
  open(options) {
    const peer = new Peer09(this.kind.transport, this.proxy.port, options);
    this.peers.push(peer);
    return peer;
  }

  begun(options) { return this.open(options).begin(); }
}

/** What the server says it received, as values. */
async function seen(peer, ...args) {
  const [text] = await peer.ask('describe', ...args);
  return JSON.parse(text);
}

const SCENARIOS = {
  async connect(t) {
    const peer = await t.begun({ query: 'token=a%20b' });
    const [welcome] = await peer.next('welcome');
    assert.strictEqual(peer.client.transport.name, t.kind.transport);
    assert.match(peer.sid, /^[\w-]{20}$/);
    same(welcome, { sid: peer.sid, namespace: '/', auth: null, query: 'a b', header: null });
  },

  async 'messages and json'(t) {
    const peer = await t.begun();
    for (const value of [TEXT, 'plain', '']) {
      peer.socket.send(value);
      same(await peer.next('message'), [value]);
    }
    for (const value of VALUES) {
      peer.socket.json.send(value);
      same(await peer.next('message'), [value]);
    }
  },

  async 'receipts of messages'(t) {
    const peer = await t.begun();
    for (const flags of [peer.socket, peer.socket.json]) {
      const receipt = new Promise((resolve) => flags.send('hello', (...values) => resolve(values)));
      same(await within(receipt, 'receipt'), []);
    }
  },

  async events(t) {
    const peer = await t.begun();
    for (const args of [[], ['one'], ['one', 2, [3, [4]], { five: { six: 7 } }], [TEXT], VALUES]) {
      peer.say('reflect', ...args);
      same(await peer.next('reflected'), args);
      same(await seen(peer, ...args), args);
    }
    peer.say('ünïcode ✓ "name"', 1);
    same(await peer.next('ответ 😀'), [1]);
  },

  async 'acks from the server'(t) {
    const peer = await t.begun();
    for (const args of [[], [1], [TEXT, { a: [] }, null]]) same(await peer.ask('echo', ...args), args);
    same(await peer.ask('quiet'), []);
    same(await Promise.all([peer.ask('later', 0.05, 'late'), peer.ask('echo', 'soon')]), [['late'], ['soon']]);
  },

  async 'acks to the server'(t) {
    const peer = await t.begun();
    peer.socket.on('question', (...args) => args.pop()(TEXT, args.length, { got: args }));
    peer.say('ask by callback', 'a', { b: 1 });
    const answer = [TEXT, 2, { got: ['a', { b: 1 }] }];
    same((await peer.next('answered')).slice(1), answer);
    const [, called] = await peer.ask('ask by call', 'a', { b: 1 });
    same(called, answer);
    same(await peer.ask('ask in vain'), ['TimeoutError']);
  },

  async rooms(t) {
    const [first, second, third] = await Promise.all([t.begun(), t.begun(), t.begun()]);
    const room = t.unique('room');
    same(await first.ask('join', room), [[room]]);
    same(await second.ask('join', room), [[room]]);
    await first.ask('say', room, TEXT, 1);
    await first.ask('say to others', room, 'others');
    for (const peer of [first, second]) same(await peer.next('said'), [TEXT, 1]);
    same(await second.next('said'), ['others']);
    await second.ask('leave', room);
    await third.ask('say', room, 'last');
    same(await first.next('said'), ['last']);
    await Promise.all([second.ask('echo'), third.ask('echo')]);
    assert.strictEqual(second.count('said') + third.count('said'), 0);
  },

  async namespaces(t) {
    const peer = await t.begun();
    const chat = peer.sibling('/chat');
    chat.say('reflect', 'too early to know');
    await chat.begin();
    same(await chat.next('reflected'), ['too early to know']);
    same((await chat.next('welcome'))[0].namespace, '/chat');
    same(await chat.ask('echo', TEXT), [TEXT]);
    chat.socket.send('here');
    same(await chat.next('message'), ['here']);
    chat.socket.on('question', (...args) => args.pop()('yes'));
    same((await chat.ask('ask by call', 1))[1], 'yes');
    assert.strictEqual(peer.count('message') + peer.count('reflected'), 0);
    for (const name of ['/refuse', '/false', '/nowhere']) {
      same(await peer.sibling(name).next('connect_failed'), ['unauthorized']);
    }
    chat.socket.disconnect();
    await chat.next('disconnect');
    same(await peer.ask('echo', 'still here'), ['still here']);
  },

  async 'a namespace closed by the server'(t) {
    const peer = await t.begun();
    const chat = await peer.sibling('/chat').begin();
    chat.say('speak and kick', 'bye');
    same(await chat.next('said'), ['bye']);
    await chat.next('disconnect');
    same(await peer.ask('echo', 'still here'), ['still here']);
  },

  async 'refused at the handshake'(t) {
    const peer = t.open({ query: 'refuse=/' });
    same(await peer.next('error'), ['handshake unauthorized']);
    assert.strictEqual(peer.count('connect'), 0);
  },

  async 'client disconnects'(t) {
    const peer = await t.begun();
    peer.socket.disconnect();
    same(await peer.next('disconnect'), ['booted']);
    assert.strictEqual(await t.reason(peer.sid), 'client disconnect');
  },

  async 'server disconnects'(t) {
    for (const [event, ...words] of [['kick'], ['speak and kick', 'bye']]) {
      const peer = await t.begun({ reconnect: true, 'reconnection delay': 20 });
      peer.say(event, ...words);
      if (words.length) same(await peer.next('said'), words);
      same(await peer.next('disconnect'), ['booted']);
      assert.strictEqual(await t.reason(peer.sid), 'server disconnect');
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.strictEqual(peer.client.connected, false, 'it is not to come back by itself');
    }
  },

  async 'comes back after a cut'(t) {
    const peer = await t.begun({ reconnect: true, 'reconnection delay': 20 });
    const chat = await peer.sibling('/chat').begin();
    const { sid } = peer;
    t.proxy.cut();
    await peer.next('disconnect');
    t.proxy.mend();
    await peer.next('reconnect', 8000);
    assert.notStrictEqual(peer.sid, sid);
    same(await peer.ask('echo', 1), [1]);
    same(await chat.ask('echo', 2), [2]);
  },

  async 'large text'(t) {
    const peer = await t.begun();
    const text = TEXT.repeat(Math.ceil(100000 / TEXT.length));
    assert.ok(text.length >= 100000);
    peer.socket.send(text);
    same(await peer.next('message'), [text]);
    same(await peer.ask('echo', text, 'x'.repeat(100000)), [text, 'x'.repeat(100000)]);
  },

  async 'order both ways'(t) {
    const peer = await t.begun();
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    for (const number of numbers) peer.say('number', number);
    same(await peer.ask('numbers'), [numbers]);
    same(await peer.ask('burst', 200), [200]);
    for (const number of numbers) same(await peer.next('number'), [number]);
  },
};

/** Lives through the end of the server and comes back to the next one; tells how far it has come. */
async function restart(kind, port) {
  const peer = await new Peer09(kind.transport, port, {
    reconnect: true, 'reconnection delay': 50, 'reconnection limit': 300, 'max reconnection attempts': 1000,
  }).begin();
  await peer.sibling('/chat').begin();
  say({ state: 'ready' });
  await peer.next('disconnect', 10000);
  say({ state: 'lost' });
  await report('restart', [], LIMIT, async () => {
    await peer.next('reconnect', 10000);
    same(await peer.ask('echo', 1), [1]);
  });
  peer.close();
}

/** Idle for a while, and still connected. */
async function idle(kind, port, stay) {
  await report('idle', [], LIMIT, async () => {
    const peer = await new Peer09(kind.transport, port).begin();
    await new Promise((resolve) => setTimeout(resolve, stay));
    same(await peer.ask('echo', 1), [1]);
    assert.strictEqual(peer.count('disconnect'), 0);
    peer.close();
  });
}

async function main({ act, transport, port, stay, scenarios }) {
  const kind = { client: 'sio09', transport };
  if (act === 'restart') await restart(kind, port);
  else if (act === 'idle') await idle(kind, port, stay);
  else {
    for (const name of scenarios) {
      const trial = await new Trial09(kind, port).begin();
      await report(name, [trial], LIMIT, () => SCENARIOS[name](trial));
    }
  }
}

if (process.argv[2]) main(JSON.parse(process.argv[2])).then(() => process.exit(0));
else say(Object.keys(SCENARIOS));
