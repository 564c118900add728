// The measured application on socket.io with Bun's engine.  usage: bun bun_app.js PORT
const { Server: Engine } = require('@socket.io/bun-engine');
const { Server } = require('socket.io');
const handle = require('./socketio_handlers.js');

const io = new Server();
const engine = new Engine({ path: '/socket.io/' });
io.bind(engine);
handle(io);

Bun.serve({ port: Number(process.argv[2]), hostname: '127.0.0.1', ...engine.handler() });
