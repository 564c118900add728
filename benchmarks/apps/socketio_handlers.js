// What the measured application does, for socket.io on Node and on Bun.
module.exports = (io) => {
  io.on('connection', (socket) => {
    socket.join('all');
    socket.on('bcast', (data) => io.to('all').emit('msg', data));
    socket.on('join', (room, ack) => {
      socket.join(room);
      ack(room);
    });
    socket.on('say', (room, data) => io.to(room).emit('said', data));
    socket.on('echo', (data, ack) => ack(data));
    socket.on('upload', (data, ack) => ack(data.n, data.p.length, data.p.slice(-10)));
  });
};
