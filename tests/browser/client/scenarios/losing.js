'use strict';

/** Going away and coming back: reasons, buffers, reconnection, recovery. */

const AT_ONCE = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 20, randomizationFactor: 0 };
const SLOWLY = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 800, randomizationFactor: 0 };

/** How a detail reads. */
function told(details) {
  if (details === undefined) return 'nothing';
  return details instanceof Error ? `Error: ${details.message}` : details.description;
}

scenario('thrown out by the server', async (t) => {
  const socket = await t.opened('/', AT_ONCE);
  socket.io.on('reconnect_attempt', () => t.log('attempt'));
  socket.emit('kick');
  const [reason, details] = await t.next(socket, 'disconnect');
  t.log('reason', reason);
  t.log('details', told(details));
  t.log('state', socket.connected, socket.active, typeof socket.id);
  await pause(60);
  await t.ready(socket.connect());
  t.log('came back', await t.ask(socket, 'echo', 1));
});

scenario('one namespace is thrown out', async (t) => {
  const one = await t.opened('/one');
  const two = t.keep(one.io.socket('/two'));
  await t.ready(two);
  one.emit('kick');
  t.log('reason', (await t.next(one, 'disconnect'))[0], one.active);
  t.log('the other', two.connected, await t.ask(two, 'echo', 1));
});

scenario('the server hears why', async (t) => {
  const [one, other] = [await t.opened(), await t.opened()];
  const { id } = one;
  one.disconnect();
  let reason = null;
  for (let i = 0; i < 100 && !reason; i += 1) reason = await other.emitWithAck('reason of', id);
  t.log('reason', reason);
});

scenario('closed from below', async (t) => {
  const one = await t.opened();
  t.watch(one, 'one', ['disconnect']);
  one.io.engine.close();
  await t.until(() => !one.connected, 'disconnect');
  t.log('engine closed', one.active, one.io.engine.readyState);
  const two = await t.opened();
  t.watch(two, 'two', ['disconnect']);
  two.io.disconnect();
  await t.until(() => !two.connected, 'disconnect');
  t.log('manager disconnected', two.active);
});

scenario('events of the engine', async (t) => {
  const socket = t.open();
  const { engine } = socket.io;
  const heard = [];
  for (const event of ['upgrade', 'close']) {
    engine.on(event, (value) => heard.push(`${event} ${event === 'upgrade' ? value.name : value}`));
  }
  let packets = 0;
  for (const event of ['packet', 'packetCreate', 'drain']) engine.on(event, () => { packets += 1; });
  await t.ready(socket);
  t.log('the same', socket.io.engine === engine, engine.transport.name === t.last);
  await t.ask(socket, 'echo', 1);
  socket.disconnect();
  await t.until(() => engine.readyState === 'closed', 'end of the engine');
  t.log('heard', heard.join());
  t.log('packets', packets > 0);
});

scenario('the network is cut', async (t) => {
  const network = await t.network();
  const socket = await t.opened('/', { port: network.port });
  t.watch(socket, 'socket', ['connect_error']);
  t.watch(socket.io, 'manager', ['reconnect_attempt', 'reconnect_failed']);
  let errors = 0;
  socket.io.on('error', () => { errors += 1; });
  const gone = t.next(socket, 'disconnect');
  await network.set('cut');
  const [reason, details] = await gone;
  t.log('reason', reason);
  t.log('details', told(details));
  t.log('errors of the manager', errors);
  t.log('state', socket.connected, socket.active, socket.io.engine.readyState);
  await pause(50);
});

scenario('the network falls silent', async (t) => {
  const network = await t.network({ target: t.ports.quick });
  const socket = await t.opened('/', { port: network.port });
  let pings = 0;
  socket.io.on('ping', () => { pings += 1; });
  await t.until(() => pings > 1, 'pings');
  t.log('lives on pings', socket.connected);
  const gone = t.next(socket, 'disconnect');
  await network.set('freeze');
  const [reason, details] = await gone;
  t.log('reason', reason);
  t.log('details', told(details));
});

scenario('the browser goes offline', async (t) => {
  const socket = await t.opened();
  const gone = t.next(socket, 'disconnect');
  dispatchEvent(new Event('offline'));
  const [reason, details] = await gone;
  t.log('reason', reason);
  t.log('details', told(details));
  t.log('state', socket.connected, socket.active);
});

scenario('comes back', async (t) => {
  const network = await t.network();
  const socket = t.open('/', { port: network.port, ...SLOWLY });
  t.watch(socket.io, 'manager', ['open', 'reconnect_attempt', 'reconnect', 'reconnect_failed']);
  socket.io.on('close', (reason) => t.log('manager close', reason));
  socket.io.on('reconnect_error', (error) => t.log('manager reconnect_error', error instanceof Error));
  socket.on('connect', () => t.log('connect', socket.connected, !!socket.recovered));
  socket.on('disconnect', (reason) => t.log('disconnect', reason, socket.active));
  socket.on('connect_error', (error) => t.log('connect_error', error instanceof Error, socket.active));
  await t.ready(socket);
  const { id } = socket;
  await network.set('cut');
  await t.next(socket.io, 'reconnect_error');
  await t.next(socket.io, 'reconnect_error');
  // in time before the third attempt, 400 ms from here
  const back = t.next(socket, 'connect');
  await network.set('mend');
  await back;
  await t.ready(socket);
  t.log('id', socket.id !== id);
  t.log('works', await t.ask(socket, 'echo', 1));
});

scenario('gives up', async (t) => {
  const socket = t.open('/', { ...AT_ONCE, port: t.dead, reconnectionAttempts: 3 });
  const counts = { connect_error: 0, error: 0, reconnect_error: 0, reconnect_failed: 0, reconnect: 0 };
  for (const event of Object.keys(counts)) {
    (event === 'connect_error' ? socket : socket.io).on(event, () => { counts[event] += 1; });
  }
  t.watch(socket.io, 'manager', ['reconnect_attempt']);
  await t.next(socket.io, 'reconnect_failed');
  await pause(50);
  t.log('counts', counts);
  t.log('state', socket.active, socket.connected);
});

scenario('no reconnection', async (t) => {
  const network = await t.network();
  const socket = await t.opened('/', { port: network.port });
  t.watch(socket.io, 'manager', ['reconnect_attempt', 'reconnect_failed']);
  const gone = t.next(socket, 'disconnect');
  await network.set('cut');
  await gone;
  await network.set('mend');
  await pause(50);
  t.log('state', socket.connected, socket.active);
  await t.ready(socket.connect());
  t.log('by hand', await t.ask(socket, 'echo', 1));
});

scenario('delays', async (t) => {
  const measure = async (options, count) => {
    const socket = t.open('/', { port: t.dead, reconnection: true, reconnectionAttempts: count, ...options });
    const times = [];
    let failed = Date.now();
    await t.next(socket, 'connect_error');
    failed = Date.now();
    socket.io.on('reconnect_attempt', () => times.push(Date.now() - failed));
    socket.io.on('reconnect_error', () => { failed = Date.now(); });
    await t.next(socket.io, 'reconnect_failed');
    return times;
  };
  const fixed = { reconnectionDelay: 50, reconnectionDelayMax: 100, randomizationFactor: 0 };
  const [first, second, ...others] = await measure(fixed, 5);
  t.log('doubled', first >= 47, second >= 97, others.every((time) => time >= 97));
  t.log('up to the limit', others.reduce((sum, time) => sum + time) < 1100); // of 300, or else 1400
  const random = Array.from({ length: 6 }, () => measure({ reconnectionDelay: 100 }, 1));
  const times = (await Promise.all(random)).flat();
  const { random: chance } = Math;
  Math.random = () => 0.9;
  const [late] = await measure({ reconnectionDelay: 100 }, 1).finally(() => { Math.random = chance; });
  t.log('late by chance', late >= 130);
  t.log('early by chance', times.length, Math.min(...times) >= 47);
});

scenario('kept while offline', async (t) => {
  const key = `${t.unique} offline`;
  const socket = t.open('/', { autoConnect: false });
  const heard = [];
  socket.onAnyOutgoing((event, ...args) => heard.push(`${event} ${typeof args[args.length - 1]}`));
  for (let value = 0; value < 5; value += 1) socket.emit('number', key, value);
  socket.volatile.emit('number', key, 'volatile');
  const asked = socket.emitWithAck('numbers', key);
  socket.emit('number', key, new Uint8Array([5]));
  t.log('not yet out', heard.length);
  socket.connect();
  socket.emit('number', key, 'while connecting');
  socket.once('connect', () => socket.emit('number', key, 'on connect'));
  await t.ready(socket);
  t.log('asked in between', await asked);
  t.log('all', await socket.emitWithAck('numbers', key));
  t.log('outgoing', heard.length);
  let answers = 0;
  for (; !answers; await pause(20)) socket.volatile.emit('echo', () => { answers += 1; }); // once idle
  t.log('volatile when connected', answers > 0);
});

scenario('kept over a cut', async (t) => {
  const key = `${t.unique} cut`;
  const network = await t.network();
  const socket = await t.opened('/', { port: network.port, ...AT_ONCE });
  const gone = t.next(socket, 'disconnect');
  await network.set('cut');
  await gone;
  socket.emit('number', key, 1);
  socket.emit('number', key, 2);
  const numbers = socket.emitWithAck('numbers', key);
  await network.set('mend');
  t.log('arrived', await numbers);
});

scenario('lost on the way', async (t) => {
  const network = await t.network();
  const socket = await t.opened('/', { port: network.port });
  const answers = [];
  const promised = socket.emitWithAck('nobody').catch((error) => error);
  socket.emit('nobody', () => answers.push('called'));
  socket.timeout(5000).emit('nobody', (error) => answers.push(error.message));
  const gone = t.next(socket, 'disconnect');
  await network.set('cut');
  await gone;
  t.log('promised', await promised);
  t.log('answers', answers);
});

scenario('retries', async (t) => {
  const patient = t.open('/', { retries: 1, ackTimeout: 300, autoConnect: false });
  const order = [];
  const asked = (name, ...args) => new Promise((resolve) => {
    patient.emit(...args, (error, ...values) => {
      order.push(name);
      resolve([error && error.message, ...values]);
    });
  });
  const slow = asked('slow', 'lazy', `${t.unique} slow`, 1, 0.5);
  const quick = asked('quick', 'lazy', `${t.unique} quick`, 0, 0);
  await t.ready(patient.connect());
  t.log('answered at the second try', await slow);
  t.log('its turn after it', await quick);
  t.log('given up', await asked('nobody', 'nobody'));
  t.log('goes on', await asked('last', 'echo', 1, new Uint8Array([1])));
  t.log('order', order.join());
  const promise = patient.emitWithAck('echo', 'promised');
  t.log('promised', await within(promise, 'answer'));
  const key = `${t.unique} unasked`;
  patient.emit('number', key, 1);
  patient.emit('number', key, 2);
  t.log('without an answer', (await asked('numbers', 'numbers', key))[1]);
});

scenario('recovery', async (t) => {
  if (!t.ports.recovering) {
    const socket = await t.opened();
    t.log('not offered', !!socket.recovered);
    return;
  }
  const room = `${t.unique} room`;
  const network = await t.network({ target: t.ports.recovering });
  const socket = await t.opened('/', { port: network.port, ...AT_ONCE, auth: { kept: 1 } });
  const speaker = await t.opened('/', { port: t.ports.recovering });
  const heard = [];
  socket.on('said', (...args) => heard.push(...args.map((arg) => plain(arg))));
  socket.on('connect', () => t.log('connect', !!socket.recovered, heard.length));
  await socket.emitWithAck('join', room);
  await speaker.emitWithAck('say', room, 'before', new Uint8Array([1]));
  await t.until(() => heard.length >= 2, 'first words');
  const { id } = socket;
  const gone = t.next(socket, 'disconnect');
  await network.set('cut');
  await gone;
  while (!(await speaker.emitWithAck('reason of', id))) await pause(5);
  await speaker.emitWithAck('say', room, 'meanwhile', 1);
  await speaker.emitWithAck('say', room, 'meanwhile', new Uint8Array([2]));
  const back = t.next(socket, 'connect');
  await network.set('mend');
  await back;
  await speaker.emitWithAck('say', room, 'after');
  await t.until(() => heard.includes('after'), 'last words');
  t.log('recovered', socket.recovered, socket.id === id);
  const words = ['before', 'meanwhile', 'after', 1];
  t.log('heard', heard.filter((word) => words.includes(word) || String(word).startsWith('Array')));
  t.log('told the server', (await socket.emitWithAck('handshake')).auth.kept);
});

scenario('WebSockets are blocked', async (t) => {
  for (const upgrades of ['refuse', 'drop', 'hang']) {
    const network = await t.network({ upgrades });
    const begun = Date.now();
    const socket = io(`http://127.0.0.1:${network.port}`, {
      forceNew: true, reconnection: true, transports: [t.polls, 'websocket'],
    });
    t.keep(socket);
    await t.next(socket, 'connect', 10000);
    t.log(upgrades, await t.ask(socket, 'echo', 1), Date.now() - begun < 10000);
    await pause(50);
    t.log('still', socket.connected, socket.io.engine.transport.name === 'websocket');
  }
});
