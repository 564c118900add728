'use strict';

/** How a connection ends, what each side is told, and how it comes back. */

const assert = require('assert');
const { within } = require('../peer');
const { same } = require('../values');

const QUICK = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 60, randomizationFactor: 0 };
const LOST = ['transport close', 'transport error'];

/** Cuts the connection of a client that has nothing under way but, when it polls, its waiting GET. */
async function cut(t, peer) {
  await peer.ask('echo');
  if (peer.transportName === 'polling') await within(t.proxy.polled(), 'GET');
  t.proxy.cut();
  const [reason] = await peer.next('disconnect');
  assert.ok(LOST.includes(reason), reason);
  t.proxy.mend();
}

module.exports = {
  async 'client disconnects'(t) {
    const peer = await t.open().ready();
    const { id } = peer.socket;
    peer.socket.disconnect();
    same(await peer.next('disconnect'), ['io client disconnect']);
    assert.strictEqual(await t.reason(id), 'client disconnect');
  },

  async 'client speaks and disconnects'(t) {
    const [peer, other] = await Promise.all([t.open().ready(), t.open().ready()]);
    const room = t.unique('last words');
    other.listen('said');
    await other.ask('join', room);
    peer.emit('say', room, 'goodbye');
    const { id } = peer.socket;
    peer.socket.disconnect();
    same(await other.next('said'), ['goodbye']);
    assert.strictEqual(await t.reason(id), 'client disconnect');
  },

  async 'client closes the transport'(t) {
    const peer = await t.open().ready();
    const { id } = peer.socket;
    peer.manager.engine.close();
    same(await peer.next('disconnect'), ['forced close']);
    assert.strictEqual(await t.reason(id), 'transport close');
  },

  async 'server disconnects'(t) {
    const peer = await t.open({ ...QUICK }).ready();
    const { id } = peer.socket;
    peer.emit('kick');
    same(await peer.next('disconnect'), ['io server disconnect']);
    assert.strictEqual(await t.reason(id), 'server disconnect');
    // A client does not come back by itself from this, but may.
    peer.socket.connect();
    await peer.connected();
    assert.notStrictEqual(peer.socket.id, id);
    same(await peer.ask('echo', 'back'), ['back']);
  },

  async 'server speaks and disconnects'(t) {
    const peer = await t.open().ready();
    peer.listen('said');
    peer.emit('speak and kick', 'goodbye', Buffer.from('€'));
    same(await peer.next('said'), ['goodbye', Buffer.from('€')]);
    same(await peer.next('disconnect'), ['io server disconnect']);
  },

  async 'connection cut'(t) {
    const peer = await t.open().ready();
    const { id } = peer.socket;
    await cut(t, peer);
    const seen = await t.reason(id);
    assert.ok(LOST.includes(seen), seen);
  },

  async 'reconnects after a cut'(t) {
    const peer = await t.open({ ...QUICK }).ready();
    peer.listen('reflected');
    const ids = new Set([peer.socket.id]);
    for (let round = 1; round <= 2; round += 1) {
      await cut(t, peer);
      peer.emit('reflect', 'kept while away', round);
      await peer.ready();
      ids.add(peer.socket.id);
      same(await peer.next('reflected'), ['kept while away', round]);
      same(await peer.ask('echo', Buffer.from('back')), [Buffer.from('back')]);
    }
    assert.strictEqual(ids.size, 3);
  },

  async 'reconnects its namespaces'(t) {
    const root = await t.open({ ...QUICK }).ready();
    const chat = root.sibling('/chat');
    await chat.connected();
    await cut(t, root);
    await chat.next('disconnect');
    await Promise.all([root.connected(), chat.connected()]);
    same(await chat.ask('echo', 'chat'), ['chat']);
    same(await root.ask('echo', 'root'), ['root']);
  },
};
