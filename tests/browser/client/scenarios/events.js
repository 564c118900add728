'use strict';

/** Listeners, events and acknowledgements both ways, values, binary. */

const EVERYTHING = {
  buffer: new Uint8Array([0, 1, 2, 255]).buffer,
  part: new Uint8Array([9, 8, 7, 6]).subarray(1, 3),
  words: new Uint16Array([258, 65535]),
  view: new DataView(new Uint8Array([5, 6, 7, 8]).buffer, 1, 2),
  empty: new ArrayBuffer(0),
};

scenario('listeners', async (t) => {
  const socket = await t.opened();
  const heard = [];
  const hear = (name) => (value) => heard.push(`${name} ${value}`);
  const [a, b, c] = ['a', 'b', 'c'].map(hear);
  t.log('chained', socket.on('reflected', a).once('reflected', b).on('reflected', c)
    .off('nothing').off('reflected', () => {}) === socket);
  t.log('known', socket.listeners('reflected').length, socket.listeners('x').length);
  const say = async (value) => {
    socket.emit('reflect', value);
    await t.ask(socket, 'echo');
    heard.push('.');
  };
  await say(1);
  await say(2);
  socket.off('reflected', a);
  await say(3);
  socket.on('reflected', a).on('reflected', a).off('reflected', a);
  await say(4);
  socket.off('reflected');
  await say(5);
  socket.once('reflected', a).off('reflected', a);
  await say(6);
  socket.on('reflected', a).off();
  await say(7);
  t.log('heard', heard.join());
  const others = ['addEventListener', 'removeListener', 'removeAllListeners', 'removeEventListener'];
  t.log('other names', others.map((name) => socket[name] === socket[name[0] === 'a' ? 'on' : 'off']));
  t.log('has listeners', t.attempt(() => socket.hasListeners('x')));
});

scenario('listeners that change listeners', async (t) => {
  const socket = await t.opened();
  const heard = [];
  const late = () => heard.push('late');
  const gone = () => heard.push('gone');
  socket.on('reflected', function first() {
    heard.push(`first ${this === socket}`);
    socket.off('reflected', first).off('reflected', gone).on('reflected', late);
  });
  socket.on('reflected', gone);
  for (let round = 0; round < 2; round += 1) {
    socket.emit('reflect', 1);
    await t.ask(socket, 'echo');
    heard.push('.');
  }
  t.log('heard', heard.join());
});

scenario('listeners of every event', async (t) => {
  const socket = await t.opened();
  const heard = [];
  const hear = (name) => (...args) => heard.push(`${name} ${args.map((arg) => (typeof arg === 'function' ? 'f' : arg))}`);
  const [any, first, out] = ['any', 'first', 'out'].map(hear);
  socket.on('reflected', hear('on'));
  t.log('chained', socket.onAny(any).prependAny(first).onAnyOutgoing(out) === socket);
  t.log('known', socket.listenersAny().length, socket.listenersAnyOutgoing().length);
  const say = async (value) => {
    socket.emit('reflect', value, 'x');
    await t.ask(socket, 'echo', value);
    heard.push('.');
  };
  await say(1);
  socket.prependAnyOutgoing(hear('before')).offAny(first);
  await say(2);
  socket.offAny().offAnyOutgoing(out);
  await say(3);
  socket.offAnyOutgoing();
  await say(4);
  socket.on('question', (answer) => answer('here')).onAny(any);
  socket.emit('ask');
  await t.next(socket, 'answered');
  t.log('heard', ...heard);
});

scenario('answers of the server', async (t) => {
  const socket = await t.opened();
  t.log('none', await t.ask(socket, 'echo'));
  t.log('some', await t.ask(socket, 'echo', 1, 'two', [3], { four: 4 }, null));
  t.log('a promise of the first', await socket.emitWithAck('echo', 1, 2));
  t.log('of none', await socket.emitWithAck('echo'));
  t.log('binary', await t.ask(socket, 'echo', EVERYTHING.buffer, 'and', [EVERYTHING.part]));
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => socket.emitWithAck('echo', i)));
  t.log('each its own', many.join());
  t.log('send', socket.send('a', 1) === socket, await t.next(socket, 'message'));
  t.log('uncompressed', await t.ask(socket.compress(false), 'echo', 1));
});

scenario('answers to the server', async (t) => {
  const socket = await t.opened();
  socket.on('question', (...args) => {
    const answer = args.pop();
    t.log('question', typeof answer, ...args);
    t.log('returned', answer('first', EVERYTHING.part, { n: [1] }));
    answer('again');
  });
  socket.emit('ask', 'what', EVERYTHING.buffer);
  t.log('answered', await t.next(socket, 'answered'));
});

scenario('answers that do not come', async (t) => {
  const socket = await t.opened();
  t.log('in time', await t.ask(socket.timeout(4000), 'echo', 1, 2));
  t.log('promised in time', await socket.timeout(4000).emitWithAck('echo', 1, 2));
  t.log('late', await t.ask(socket.timeout(30), 'nobody'));
  t.log('promised late', await socket.timeout(30).emitWithAck('nobody').catch((error) => error));
  t.log('not kept', await t.ask(socket, 'echo', 1));
  const hasty = await t.opened('/', { ackTimeout: 30 });
  t.log('by the option', await t.ask(hasty, 'nobody'));
  t.log('over the option', await t.ask(hasty.timeout(4000), 'lazy', `${t.unique} over`, 1, 0.1));
  const idle = t.open('/', { autoConnect: false });
  t.log('never sent', await t.ask(idle.timeout(20), 'echo', 1));
  await t.ready(idle.connect());
  t.log('after it', await t.ask(idle, 'echo', 2));
  const key = `${t.unique} never`;
  idle.disconnect();
  t.log('never sent again', await t.ask(idle.timeout(20), 'number', key, 1));
  await t.ready(idle.connect());
  t.log('nor later', await t.ask(idle, 'numbers', key));
  const left = await t.opened();
  const lost = left.emitWithAck('nobody').catch((error) => error);
  left.timeout(5000).emit('nobody', (error) => t.log('lost with a limit', error));
  left.emit('nobody', (...args) => t.log('never told', args));
  left.disconnect();
  t.log('lost', await lost);
});

scenario('values', async (t) => {
  const socket = await t.opened();
  const odd = { toJSON: () => ({ made: 1 }) };
  const sent = [null, true, 0, -1.5, 1e21, 2 ** 53, '', 'é€😀', '\u2028"\\\n', [], {}, [[]], { a: { b: [1] } },
    undefined, NaN, Infinity, new Date(1700000000123), { gone: undefined, kept: 1 }, odd, new Map([[1, 2]]), /x/];
  t.log('echo', await t.ask(socket, 'echo', ...sent));
  t.log('event', socket.emit('reflect', ...sent) === socket, await t.next(socket, 'reflected'));
  t.log('placeholder', await t.ask(socket, 'echo', { _placeholder: false, num: 0 }));
  t.log('names', await t.ask(socket, 'echo', JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')));
});

scenario('misuse', async (t) => {
  const socket = await t.opened();
  for (const event of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
    t.log(event, t.attempt(() => socket.emit(event)));
  }
  const circle = {};
  circle.circle = circle;
  t.log('circle', t.attempt(() => socket.emit('echo', circle)));
  t.log('big number', t.attempt(() => socket.emit('echo', 1n)));
  t.log('goes on', await t.ask(socket, 'echo', 1));
});

scenario('binary', async (t) => {
  const socket = await t.opened();
  t.log('each', await t.ask(socket, 'echo', ...Object.values(EVERYTHING)));
  t.log('nested', await t.ask(socket, 'echo', { list: [EVERYTHING], text: 'x' }));
  socket.emit('reflect', EVERYTHING);
  t.log('event', await t.next(socket, 'reflected'));
  t.log('the same twice', await t.ask(socket, 'echo', EVERYTHING.part, EVERYTHING.part));
  t.log('untouched', EVERYTHING);
});

scenario('blobs', async (t) => {
  const socket = await t.opened();
  const blob = new Blob(['blob €'], { type: 'text/plain' });
  const file = new File([new Uint8Array([1, 2, 3])], 'name.bin');
  t.log('in an answer', await t.ask(socket, 'echo', blob, { file }));
  socket.emit('reflect', { deep: [blob] }, 'text', new Blob([]));
  t.log('in an event', await t.next(socket, 'reflected'));
  t.log('promised', await socket.emitWithAck('echo', blob));
  const idle = t.open('/', { autoConnect: false });
  const answer = idle.emitWithAck('echo', blob);
  await t.ready(idle.connect());
  t.log('kept while offline', await answer);
});

scenario('the order of binary and text', async (t) => {
  const socket = await t.opened();
  const key = `${t.unique} order`;
  socket.emit('number', key, 1);
  socket.emit('number', key, new Blob(['2']));
  socket.emit('number', key, 3);
  socket.emit('number', key, EVERYTHING.part);
  socket.emit('number', key, new Blob(['5'.repeat(1000)]));
  socket.emit('number', key, 6);
  const told = await socket.emitWithAck('numbers', key);
  t.log('order', told);
});

scenario('many in order', async (t) => {
  const socket = await t.opened();
  const key = `${t.unique} many`;
  const heard = [];
  socket.on('number', (value) => heard.push(value));
  for (let value = 0; value < 300; value += 1) socket.emit('number', key, value);
  const got = await socket.emitWithAck('numbers', key);
  await socket.emitWithAck('burst', 300);
  const ordered = (list) => list.length === 300 && list.every((value, index) => value === index);
  t.log('order', ordered(got), ordered(heard));
});

scenario('much at once', async (t) => {
  const socket = await t.opened();
  const big = new Uint8Array(1 << 20).map((_, index) => index * 7);
  t.log('there and back', await t.ask(socket, 'echo', big, 'é'.repeat(500000)));
  t.log('from the server', await t.ask(socket, 'large', 1 << 20));
  for (let i = 0; i < 8; i += 1) socket.emit('reflect', i, 'x'.repeat(200000));
  const heard = [];
  await within(new Promise((resolve) => {
    socket.on('reflected', (index, text) => heard.push(`${index} ${text.length}`) === 8 && resolve());
  }), 'all of it');
  t.log('in parts', heard.join());
});

scenario('text is no markup', async (t) => {
  const socket = await t.opened();
  const pushed = t.next(socket, 'texts');
  const texts = await t.ask(socket, 'texts');
  t.log('texts', texts);
  t.log('pushed', JSON.stringify(await pushed) === JSON.stringify(texts));
  t.log('back', JSON.stringify(await t.ask(socket, 'echo', ...texts)) === JSON.stringify(texts));
  t.log('page', window.hacked, document.images.length);
});

scenario('a listener that throws', async (t) => {
  const socket = await t.opened();
  socket.on('reflected', () => { throw new Error('by the listener'); });
  socket.on('reflected', () => t.log('the next listener'));
  socket.emit('reflect', 1);
  t.log('goes on', await t.ask(socket, 'echo', 1), socket.connected);
});
