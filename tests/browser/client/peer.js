'use strict';

/**
 * The official server of the client's tests: app.py again, on socket.io. It listens on one port
 * for each kind of server, writes {kind: port} as a line of JSON, and ends with its input.
 */

const http = require('http');
const { Server } = require('../../clients/node_modules/socket.io');

const CORS = { origin: true, credentials: true };
const KINDS = {
  plain: { cors: CORS },
  bare: {},
  quick: { cors: CORS, pingInterval: 300, pingTimeout: 700 },
  recovering: {
    cors: CORS, connectionStateRecovery: { maxDisconnectionDuration: 60000 }, pingInterval: 300, pingTimeout: 700,
  },
};
const NAMESPACES = ['/', '/one', '/two', '/private'];
const TEXTS = [
  '</script><img src=x onerror="window.hacked = true"><!--', '<script>hacked = true</script>',
  '\u2028 and \u2029', '\\n \n \r\n \t \\\\ \\" \x00\x1e\x7f\x85', "'\"&lt;%20+", 'é€日本語😀',
  '\ufeff', '___eio[0]("x");',
];

function cookie(header, name) {
  const pairs = (header || '').split('; ').map((pair) => pair.split('='));
  return Object.fromEntries(pairs)[name] || null;
}

function register(io) {
  const reasons = new Map();
  const numbers = new Map();
  const tries = new Map();

  function handle(socket) {
    const on = (event, handler) => socket.on(event, (...args) => {
      const answer = typeof args[args.length - 1] === 'function' ? args.pop() : () => {};
      handler(answer, ...args);
    });
    socket.on('disconnect', (reason) => reasons.set(socket.id, reason));
    on('reason of', (answer, sid) => answer(reasons.get(sid) || null));
    on('handshake', (answer) => answer({
      auth: Object.keys(socket.handshake.auth).length ? socket.handshake.auth : null,
      namespace: socket.nsp.name,
      token: socket.handshake.query.token || null,
      header: socket.handshake.headers['x-token'] || null,
      cookie: cookie(socket.handshake.headers.cookie, 'flavour'),
    }));
    on('echo', (answer, ...args) => answer(...args));
    on('reflect', (answer, ...args) => socket.emit('reflected', ...args));
    on('message', (answer, ...args) => socket.send(...args));
    on('ask', (answer, ...args) => {
      socket.emit('question', ...args, (...values) => socket.emit('answered', ...values));
    });
    on('texts', (answer) => {
      socket.emit('texts', ...TEXTS);
      answer(...TEXTS);
    });
    on('number', (answer, key, value) => numbers.set(key, [...(numbers.get(key) || []), value]));
    on('numbers', (answer, key) => answer(numbers.get(key) || []));
    on('burst', (answer, count) => {
      for (let value = 0; value < count; value += 1) socket.emit('number', value);
      answer(count);
    });
    on('large', (answer, size) => answer(Buffer.alloc(size, 0xfe), 'é'.repeat(size / 2)));
    on('lazy', (answer, key, slow, seconds) => {
      const count = (tries.get(key) || 0) + 1;
      tries.set(key, count);
      setTimeout(() => answer(count), count <= slow ? seconds * 1000 : 0);
    });
    on('kick', () => socket.disconnect());
    on('join', (answer, room) => {
      socket.join(room);
      answer();
    });
    on('say', (answer, room, ...args) => {
      socket.nsp.to(room).emit('said', ...args);
      answer();
    });
  }

  for (const name of NAMESPACES) io.of(name).on('connection', handle);
  io.of('/private').use((socket, next) => {
    if (socket.handshake.auth.token === 'right') next();
    else next(Object.assign(new Error('wrong token'), { data: { hint: 'right', n: [1, 2] } }));
  });
}

async function main() {
  const ports = {};
  for (const [kind, options] of Object.entries(KINDS)) {
    const server = http.createServer((request, response) => response.writeHead(404).end());
    register(new Server(server, { maxHttpBufferSize: 5e6, destroyUpgradeTimeout: 20, ...options }));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[kind] = server.address().port;
  }
  process.stdout.write(`${JSON.stringify(ports)}\n`);
  process.stdin.on('end', () => process.exit(0)).resume();
}

main();
