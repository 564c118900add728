// The measured application on Node's socket.io.  usage: node node_app.js PORT
const http = require('http');
const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server);

io.on('connection', (socket) => {
  socket.join('all');
  socket.on('bcast', (data) => io.to('all').emit('msg', data));
  socket.on('echo', (data, ack) => ack(data));
});

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
