'use strict';

/** Coming in: namespaces, credentials, refusals, several sockets on one connection. */

scenario('connect and disconnect', async (t) => {
  const socket = t.open();
  const state = (when) => t.log(when, socket.connected, socket.disconnected, socket.active,
    typeof socket.id, !!socket.recovered, socket.nsp);
  state('at once');
  t.log('engine', socket.io.engine.readyState);
  t.watch(socket, 'socket', ['connect', 'connect_error', 'disconnect']);
  await t.ready(socket);
  state('connected');
  t.log('transport', socket.io.engine.transport.name === t.last, socket.io.engine.readyState);
  t.log('ids', typeof socket.io.engine.id, socket.io.engine.id !== socket.id);
  t.log('connect again', socket.connect() === socket, socket.open() === socket);
  t.log('disconnect', socket.disconnect() === socket);
  state('gone');
  t.log('twice', socket.disconnect() === socket, socket.close() === socket);
  t.log('answer to the gone', socket.emit('echo', 1) === socket);
});

scenario('what the server is told', async (t) => {
  const socket = await t.opened('/', {
    query: { token: 'a&b=ü' }, auth: { user: 'Zoë', n: [1] }, extraHeaders: { 'X-Token': 'secret' },
  });
  t.log('handshake', await socket.emitWithAck('handshake'));
  const other = await t.opened('/?token=from%20url');
  t.log('query of the URL', await other.emitWithAck('handshake'));
  const third = await t.opened('/', {
    query: 'token=text', transportOptions: { polling: { extraHeaders: { 'X-Token': 'polled' } } },
  });
  t.log('options of a transport', await third.emitWithAck('handshake'));
});

scenario('the transport of choice', async (t) => {
  const socket = t.open('/', { transports: undefined });
  t.log('by default', socket.io.engine.transport.name);
  await t.next(socket, 'connect');
});

scenario('names of transports', async (t) => {
  const attempt = async (transports) => {
    const socket = t.attempt(() => t.open('/', { transports, timeout: 2000 }));
    if (typeof socket === 'string') return socket;
    return Promise.race([
      t.next(socket, 'connect').then(() => 'connected'),
      t.next(socket, 'connect_error').then(([error]) => error),
    ]);
  };
  t.log('none', Boolean(await attempt([])));
  t.log('unknown', await attempt(['pigeon']));
  t.log('jsonp', await attempt(['jsonp']));
});

scenario('a move that is remembered', async (t) => {
  const socket = await t.opened('/', { rememberUpgrade: true });
  socket.disconnect().connect();
  await t.next(socket, 'connect');
  t.log('begins with it', socket.io.engine.transport.name === t.last);
});

scenario('a parser of its own', async (t) => {
  let made = 0;
  class Encoder { constructor() { made += 1; } }
  class Decoder { on() {} off() {} destroy() {} }
  const manager = new io.Manager(`http://127.0.0.1:${t.port}`, {
    autoConnect: false, parser: { Encoder, Decoder }, ...t.options,
  });
  t.log('made', made);
  t.log('manager', manager instanceof io.Manager);
});

scenario('credentials from a function', async (t) => {
  let calls = 0;
  const socket = t.open('/', {
    auth: (send) => { calls += 1; setTimeout(() => send({ call: calls }), 5); },
  });
  await t.ready(socket);
  t.log('first', (await socket.emitWithAck('handshake')).auth);
  socket.disconnect();
  await t.ready(socket.connect());
  t.log('second', (await socket.emitWithAck('handshake')).auth);
  socket.disconnect();
  socket.auth = { call: 'third' };
  await t.ready(socket.connect());
  t.log('third', (await socket.emitWithAck('handshake')).auth);
});

scenario('refused with data', async (t) => {
  const socket = t.open('/private', { auth: { token: 'wrong' } });
  t.watch(socket, 'socket', ['connect', 'connect_error', 'disconnect']);
  const [error] = await t.next(socket, 'connect_error');
  t.log('error', error instanceof Error, error.message, error.data);
  t.log('state', socket.connected, socket.active, typeof socket.id);
  socket.auth.token = 'right';
  await t.ready(socket.connect());
  t.log('handshake', await socket.emitWithAck('handshake'));
});

scenario('no such namespace', async (t) => {
  const socket = t.open('/nowhere');
  const [error] = await t.next(socket, 'connect_error');
  t.log('error', error instanceof Error, error.message, error.data);
  t.log('state', socket.connected, socket.active);
});

scenario('refused does not come again', async (t) => {
  const socket = t.open('/private', { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 10 });
  let refusals = 0;
  socket.on('connect_error', () => { refusals += 1; });
  socket.io.on('reconnect_attempt', () => t.log('attempt'));
  await t.next(socket, 'connect_error');
  await pause(60);
  t.log('refusals', refusals, socket.active);
});

scenario('namespaces share a connection', async (t) => {
  const { port } = await t.network(); // not known yet to io
  const url = (nsp) => `http://127.0.0.1:${port}${nsp}`;
  const options = { ...t.options, reconnection: false };
  const one = t.keep(io(url('/one'), options));
  const two = t.keep(io(url('/two'), options));
  t.log('managers', one.io === two.io, one === two);
  await t.ready(one);
  await t.ready(two);
  t.log('namespaces', await t.ask(one, 'handshake'), await t.ask(two, 'handshake'));
  const again = t.keep(io(url('/one'), options));
  t.log('asked for again', again === one, again.io === one.io);
  const apart = t.keep(io(url('/two'), { ...options, multiplex: false }));
  t.log('not multiplexed', apart.io === two.io);
  t.watch(one, 'one', ['disconnect']);
  t.watch(two, 'two', ['disconnect']);
  two.disconnect();
  t.log('one goes on', one.io.engine.readyState, await t.ask(one, 'echo', 1));
  await t.ready(two.connect());
  t.log('two came back', await t.ask(two, 'echo', 2));
  const { engine } = one.io;
  two.disconnect();
  one.disconnect();
  await t.until(() => engine.readyState === 'closed', 'end of the engine');
  t.log('the last closes', engine.readyState);
});

scenario('sockets of a manager', async (t) => {
  const manager = new io.Manager(`http://127.0.0.1:${t.port}`, { ...t.options, reconnection: false, autoConnect: false });
  let closes = 0;
  manager.on('open', () => t.log('open')).on('close', () => { closes += 1; });
  const root = t.keep(manager.socket('/'));
  const refused = t.keep(manager.socket('/private', { auth: { token: 'wrong' } }));
  const let_in = t.keep(manager.socket('/one', { auth: { n: 1 } }));
  t.log('before', root.active, manager.socket('/') === root, root instanceof io.Socket, root.io === manager);
  const refusal = t.next(refused, 'connect_error');
  for (const socket of [root, refused, let_in]) socket.connect();
  await t.ready(root);
  await t.ready(let_in);
  const [error] = await refusal;
  t.log('refused', error, refused.active);
  t.log('let in', (await let_in.emitWithAck('handshake')).auth, await root.emitWithAck('echo', 1));
  t.watch(root, 'root', ['disconnect']);
  t.watch(let_in, 'one', ['disconnect']);
  let_in.disconnect();
  t.log('one has left', closes);
  root.disconnect();
  t.log('both have left', closes > 0);
});

scenario('settings of a manager', async (t) => {
  const url = `http://127.0.0.1:${t.port}`;
  const defaults = new io.Manager(url, { autoConnect: false });
  const manager = new io.Manager(url, {
    autoConnect: false, reconnection: false, reconnectionAttempts: 3, reconnectionDelay: 7,
    reconnectionDelayMax: 8, randomizationFactor: 0, timeout: 9,
  });
  const names = ['reconnection', 'reconnectionAttempts', 'reconnectionDelay',
    'reconnectionDelayMax', 'randomizationFactor', 'timeout'];
  for (const name of names) t.log(name, String(defaults[name]()), manager[name]());
  t.log('chained', manager.reconnection(true) === manager
    && manager.reconnectionAttempts(4).reconnectionDelay(5).reconnectionDelayMax(6)
      .randomizationFactor(0.1).timeout(7) === manager);
  for (const name of names) t.log(`${name} set`, manager[name]());
});

scenario('what io takes', async (t) => {
  const url = `http://127.0.0.1:${t.port}`;
  const quiet = { autoConnect: false, forceNew: true, ...t.options };
  const shapes = [url, `${url}/`, `${url}/one`, `${url}/one?token=1`, `//127.0.0.1:${t.port}/two`,
    `127.0.0.1:${t.port}/two`, `ws://127.0.0.1:${t.port}/one`, '/one', '/'];
  for (const shape of shapes) t.log('shape', shape.replace(t.port, 'port'), io(shape, quiet).nsp);
  t.log('options only', io(quiet).nsp, io(quiet).io.opts.forceNew);
  t.log('names', typeof io.connect, io.connect === io, io.io === io, typeof io.Manager, typeof io.Socket);
  const socket = t.keep(io.connect(`${url}/one`, quiet));
  t.log('idle', socket.active, socket.connected);
  await t.ready(socket.connect());
  t.log('namespace', (await socket.emitWithAck('handshake')).namespace);
  const scheme = t.keep(io(`ws://127.0.0.1:${t.port}/two`, { forceNew: true, ...t.options }));
  await t.ready(scheme);
  t.log('by its scheme', (await scheme.emitWithAck('handshake')).namespace);
});

scenario('another path', async (t) => {
  const socket = t.open('/', { path: '/nowhere/', timeout: 500 });
  const [error] = await t.next(socket, 'connect_error');
  t.log('error', error instanceof Error);
  await t.opened('/', { path: '/socket.io' });
  t.log('without the slash', true);
});

scenario('options of the URL', async (t) => {
  performance.clearResourceTimings();
  const { port } = await t.network();
  const socket = t.open('/', { port, timestampParam: 'stamp', addTrailingSlash: false, timeout: 1000 });
  await Promise.race([t.next(socket, 'connect'), t.next(socket, 'connect_error')]);
  socket.disconnect();
  const urls = performance.getEntriesByType('resource').map(({ name }) => new URL(name))
    .filter((url) => url.port === String(port));
  t.log('timestampParam', urls.some(({ searchParams }) => searchParams.has('stamp')));
  t.log('addTrailingSlash', urls.some(({ pathname }) => pathname === '/socket.io'));
});

scenario('nobody listens', async (t) => {
  const socket = t.open('/', { port: t.dead });
  const [error] = await t.next(socket, 'connect_error');
  t.log('error', error instanceof Error, error.message, error.type);
  t.log('state', socket.connected, socket.active);
});

scenario('changed minds', async (t) => {
  const hasty = t.open();
  t.watch(hasty, 'hasty', ['connect', 'connect_error', 'disconnect']);
  hasty.disconnect();
  t.log('left at once', hasty.active);
  await pause(50);
  const guest = t.open();
  t.watch(guest, 'guest', ['connect', 'disconnect']);
  guest.once('connect', () => guest.disconnect());
  await t.next(guest, 'disconnect');
  const back = t.open();
  t.watch(back, 'back', ['connect', 'disconnect']);
  await t.ready(back);
  back.disconnect().connect();
  await t.ready(back);
  t.log('works', await back.emitWithAck('echo', 1));
});

scenario('an attempt takes too long', async (t) => {
  const network = await t.network();
  await network.set('freeze');
  const socket = t.open('/', { port: network.port, timeout: 80 });
  const [error] = await t.next(socket, 'connect_error');
  t.log('error', error instanceof Error, error.message);
  t.log('state', socket.connected, socket.active);
});

scenario('cookies go if they may', async (t) => {
  // the page has brought one
  const flavour = async (options) => {
    const socket = await t.opened('/', options);
    return (await socket.emitWithAck('handshake')).cookie;
  };
  t.log('by default', await flavour({}));
  t.log('withCredentials', await flavour({ withCredentials: true }));
});

scenario('policy of the page', async (t) => {
  t.log('evaluation', t.attempt(() => Function('return 1')()));
  const socket = await t.opened();
  t.log('echo', await t.ask(socket, 'echo', { a: new Uint8Array([1]) }, 'b'));
});
