'use strict';

/** Rooms, namespaces, refusals, and what the server knows of a client's handshake. */

const assert = require('assert');
const { same } = require('../values');

/** A refusal's message and data, whichever form the generation gives it. */
async function refusal(peer) {
  const [reason] = await peer.next('refused');
  if (reason instanceof Error) return { message: reason.message, data: reason.data };
  return { bare: reason };
}

/** Fails unless the reason says the same as ConnectionRefusedError(message, data). */
function refusedWith(peer, reason, message, data) {
  if (peer.generation.major >= 3) same(reason, { message, data });
  else same(reason, { bare: data === undefined ? message : data });
}

/** Credentials: an object from 3.x on, the query string before. */
function credentials(t, token) {
  return t.generation.major >= 3 ? { auth: { token } } : { query: `token=${encodeURIComponent(token)}` };
}

module.exports = {
  async rooms(t) {
    const [inside, also, outside] = await Promise.all([t.open().ready(), t.open().ready(), t.open().ready()]);
    for (const peer of [inside, also, outside]) peer.listen('said');
    const room = t.unique('room');
    same(await inside.ask('join', room), [[room]]);
    same(await also.ask('join', room), [[room]]);
    await inside.ask('say', room, 'to all', Buffer.from('€'));
    await outside.ask('say', room, 'from without');
    await inside.ask('say to others', room, 'to others');
    await also.ask('say', room, 'last');
    same(await inside.next('said'), ['to all', Buffer.from('€')]);
    same(await inside.next('said'), ['from without']);
    same(await inside.next('said'), ['last']);
    same(await also.next('said'), ['to all', Buffer.from('€')]);
    same(await also.next('said'), ['from without']);
    same(await also.next('said'), ['to others']);
    same(await also.next('said'), ['last']);
    await outside.ask('echo');
    assert.strictEqual(outside.all('said').length, 0);
  },

  async 'rooms left'(t) {
    const [one, two] = await Promise.all([t.open().ready(), t.open().ready()]);
    const [room, other] = [t.unique('комната 😀'), t.unique('other')];
    for (const peer of [one, two]) {
      peer.listen('said');
      await peer.ask('join', room);
      same(await peer.ask('join', other), [[room, other].sort()]);
    }
    same(await one.ask('leave', room), [[other]]);
    await one.ask('say', room, 'not to me');
    await two.ask('close', other);
    await two.ask('say', other, 'to nobody');
    await Promise.all([one.ask('echo'), two.ask('echo')]);
    same(two.all('said'), [['not to me']]);
    same(one.all('said'), []);
  },

  async broadcast(t) {
    const [one, two] = await Promise.all([t.open().ready(), t.open().ready()]);
    const text = t.unique('news');
    for (const peer of [one, two]) peer.listen('announced');
    await one.ask('announce', text, Buffer.from([1, 2]));
    for (const peer of [one, two]) {
      let heard = await peer.next('announced');
      // Everybody on the server hears it, so the news of other processes come here, too.
      while (heard[0] !== text) heard = await peer.next('announced');
      same(heard, [text, Buffer.from([1, 2])]);
    }
    await two.ask('echo');
    assert.strictEqual(two.all('announced').some(([heard]) => heard === text), false, 'heard twice');
  },

  async 'namespaces on one connection'(t) {
    const root = await t.open().ready();
    const chat = root.sibling('/chat');
    await chat.connected();
    const [welcome] = await chat.next('welcome');
    assert.strictEqual(welcome.namespace, '/chat');
    assert.strictEqual(welcome.sid, t.generation.major === 1 ? `/chat#${chat.socket.id}` : chat.socket.id);
    assert.notStrictEqual(welcome.sid, root.socket.id);
    for (const peer of [root, chat]) peer.listen('reflected');
    chat.emit('reflect', 'chat', Buffer.from('c'));
    root.emit('reflect', 'root', Buffer.from('r'));
    same(await chat.next('reflected'), ['chat', Buffer.from('c')]);
    same(await root.next('reflected'), ['root', Buffer.from('r')]);
    same(await chat.ask('echo', 'ack', Buffer.from('a')), ['ack', Buffer.from('a')]);
    chat.socket.on('question', (value, answer) => answer(value + 1));
    same((await chat.ask('ask by call', 41))[1], 42);
    const room = t.unique('same name');
    for (const peer of [root, chat]) {
      peer.listen('said');
      await peer.ask('join', room);
    }
    await chat.ask('say', room, 'in chat');
    same(await chat.next('said'), ['in chat']);
    await root.ask('echo');
    assert.strictEqual(root.all('said').length, 0);
  },

  async 'namespace left and joined again'(t) {
    const root = await t.open().ready();
    const chat = root.sibling('/chat');
    await chat.connected();
    const [{ sid }] = await chat.next('welcome');
    chat.socket.disconnect();
    same(await chat.next('disconnect'), ['io client disconnect']);
    assert.strictEqual(await t.reason(sid), 'client disconnect');
    same(await root.ask('echo', 'root stays'), ['root stays']);
    chat.socket.connect();
    await chat.connected();
    same(await chat.ask('echo', 'again'), ['again']);
    assert.strictEqual(root.count('disconnect'), 0);
  },

  async 'namespace closed by the server'(t) {
    const root = await t.open().ready();
    const chat = root.sibling('/chat');
    await chat.connected();
    const [{ sid }] = await chat.next('welcome');
    chat.emit('kick');
    same(await chat.next('disconnect'), ['io server disconnect']);
    assert.strictEqual(await t.reason(sid), 'server disconnect');
    same(await root.ask('echo', 'root stays'), ['root stays']);
    assert.strictEqual(root.count('disconnect'), 0);
  },

  async 'namespace alone'(t) {
    const chat = await t.open({ namespace: '/chat' }).ready();
    same(await chat.ask('echo', 'alone'), ['alone']);
    const [welcome] = await chat.next('welcome');
    chat.socket.disconnect();
    assert.strictEqual(await t.reason(welcome.sid), 'client disconnect');
  },

  async 'namespace refused'(t) {
    const root = await t.open().ready();
    const refused = root.sibling('/refuse');
    refusedWith(root, await refusal(refused), 'no entry', { why: 'test', n: [1, 2] });
    const falsely = root.sibling('/false');
    await refusal(falsely);
    assert.strictEqual(refused.socket.connected || falsely.socket.connected, false);
    same(await root.ask('echo', 'root stays'), ['root stays']);
  },

  async 'namespace unknown'(t) {
    const root = await t.open().ready();
    refusedWith(root, await refusal(root.sibling('/nowhere')), 'Invalid namespace');
    refusedWith(root, await refusal(root.sibling('/__proto__')), 'Invalid namespace');
    same(await root.ask('echo', 'root stays'), ['root stays']);
    const alone = t.open({ namespace: '/nowhere' });
    refusedWith(alone, await refusal(alone), 'Invalid namespace');
  },

  async 'namespace by pattern'(t) {
    const root = await t.open().ready();
    const [one, two] = [root.sibling('/team-1'), root.sibling('/team-22')];
    for (const team of [one, two]) {
      await team.connected();
      const [namespace, text] = await team.ask('describe', 'x', Buffer.from('y'));
      assert.strictEqual(namespace, team.namespace);
      same(JSON.parse(text), ['x', Buffer.from('y')]);
    }
    refusedWith(root, await refusal(root.sibling('/team-x')), 'Invalid namespace');
    refusedWith(root, await refusal(root.sibling('/team-1/x')), 'Invalid namespace');
  },

  async 'namespace by option'(t) {
    const root = await t.open().ready();
    const spare = root.sibling('/spare');
    await spare.connected();
    spare.emit('nobody listens', 1);
    assert.strictEqual(spare.socket.connected, true);
    same(await root.ask('echo', 'root stays'), ['root stays']);
  },

  async 'root refused'(t) {
    const peer = t.open({ query: 'refuse=%2F' });
    refusedWith(peer, await refusal(peer), 'not today', { args: 1 });
    assert.strictEqual(peer.socket.connected, false);
  },

  async credentials(t) {
    const token = 'é & "€" = 😀';
    const peer = await t.open(credentials(t, token)).ready();
    const [welcome] = await peer.next('welcome');
    same(t.generation.major >= 3 ? welcome.auth : { token: welcome.query }, { token });
    // A namespace may be given its own; where it is a query string, the app gets it as auth, too.
    const chat = peer.sibling('/chat', credentials(t, 'other €'));
    await chat.connected();
    same((await chat.next('welcome'))[0].auth, { token: 'other €' });
    same(await chat.ask('echo', 'in chat'), ['in chat']);
  },

  async 'credentials that come later'(t) {
    const auth = (give) => setTimeout(give, 5, { token: 'late' });
    const peer = await t.open({ auth }).ready();
    same((await peer.next('welcome'))[0].auth, { token: 'late' });
  },

  async 'query and headers'(t) {
    const peer = await t.open({
      query: 'token=a%26b%3D%E2%82%AC',
      extraHeaders: { 'X-Token': 'from the header' },
    }).ready();
    const [welcome] = await peer.next('welcome');
    assert.strictEqual(welcome.query, 'a&b=€');
    // A page cannot give headers to a script or a form.
    if (!peer.transport.jsonp) assert.strictEqual(welcome.header, 'from the header');
  },
};
