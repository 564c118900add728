'use strict';

/**
 * Clients of every generation and transport at once, on one server, in one process.
 *
 *   node crowd.js '{"act": "room", "port": 5000, "members": [{"client": "sio48", "transport": "polling"}]}'
 *
 * The last line of JSON is {name, ok, ms} or {name, ok: false, ms, error, wire}. The act `restart`
 * also writes {"state": "ready"} when the server may die and {"state": "lost"} when it may return.
 */

const assert = require('assert');
const dom = require('./dom');
const { within } = require('./peer');
const { Trial, report, say } = require('./trial');
const { same } = require('./values');

const LIMIT = 20000;
const LOST = ['transport close', 'transport error'];
const QUICK = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, randomizationFactor: 0 };

/** Awaits the same of every member and says of which one it failed. */
function each(members, work) {
  return Promise.all(members.map(async (member) => {
    try {
      return await work(member);
    } catch (error) {
      throw new Error(`${member.trial.unique('by')}: ${error.stack || error}`);
    }
  }));
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const ACTS = {
  /** Each speaks once, all at the same time, and all hear the same in the same order. */
  async room(members) {
    await each(members, ({ peer }) => peer.ready());
    await each(members, ({ peer }) => {
      peer.listen('said');
      return peer.ask('join', 'crowd');
    });
    const spoken = members.map(({ trial }, index) => [trial.unique('€ 😀 Ã© from'), Buffer.from([index, 255])]);
    await each(members, ({ peer, index }) => peer.ask('say', 'crowd', ...spoken[index]));
    const heard = await each(members, async ({ peer }) => {
      const all = [];
      while (all.length < members.length) all.push(await peer.next('said'));
      await peer.ask('echo');
      assert.strictEqual(peer.count('said'), 0, 'heard more than was said');
      return all;
    });
    same([...heard[0]].sort(), [...spoken].sort(), 'what the first heard');
    await each(members, async ({ index }) => same(heard[index], heard[0], 'order'));
  },

  /** Each answers a question that the server puts to the room. */
  async question(members) {
    await each(members, ({ peer }) => peer.ready());
    await each(members, ({ peer, index }) => {
      peer.socket.on('question', (value, answer) => answer({ index, value }));
      return peer.ask('join', 'asked');
    });
    const [answers] = await members[0].peer.ask('ask room', 'asked', '€ 😀');
    const sorted = [...answers].sort((one, other) => one.index - other.index);
    same(sorted, members.map(({ index }) => ({ index, value: '€ 😀' })));
  },

  /** Idle clients stay, longer than either side waits for a sign of life; silent ones are given up. */
  async heartbeat(members, { stay }) {
    await each(members, ({ peer }) => peer.ready());
    await pause(stay);
    await each(members, async ({ peer }) => {
      assert.strictEqual(peer.count('disconnect'), 0, JSON.stringify(peer.all('disconnect')));
      same(await peer.ask('echo', 'alive'), ['alive']);
    });
    await each(members, async ({ peer, trial }) => {
      const { id } = peer.socket;
      trial.proxy.freeze();
      same(await peer.next('disconnect'), ['ping timeout'], 'told to the client');
      assert.strictEqual(await trial.reason(id), 'ping timeout', 'told to the server');
    });
  },

  /** The server dies and returns; every client notices and comes back. */
  async restart(members) {
    await each(members, async ({ peer, trial }) => {
      await peer.ready();
      await peer.ask('echo');
      if (peer.transportName === 'polling') await within(trial.proxy.polled(), 'GET');
    });
    say({ state: 'ready' });
    await each(members, async ({ peer }) => {
      const [reason] = await peer.next('disconnect');
      assert.ok(LOST.includes(reason), reason);
    });
    say({ state: 'lost' });
    await each(members, async ({ peer }) => {
      await peer.next('connect', 10000);
      same(await peer.ask('echo', 'back', Buffer.from('€')), ['back', Buffer.from('€')]);
    });
  },
};

async function main({ act, port, members: kinds, ...settings }) {
  dom.install();
  const members = [];
  for (const [index, kind] of kinds.entries()) {
    const trial = await new Trial(kind, port).begin();
    const peer = trial.open(act === 'restart' ? QUICK : {});
    members.push({ index, trial, peer });
  }
  await report(act, members.map(({ trial }) => trial), LIMIT, () => ACTS[act](members, settings));
}

main(JSON.parse(process.argv[2])).then(() => process.exit(0));
