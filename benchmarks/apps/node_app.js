// The measured application on Node's socket.io.  usage: node node_app.js PORT
const http = require('http');
const { Server } = require('socket.io');
const handle = require('./socketio_handlers.js');

const server = http.createServer();
handle(new Server(server));

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
