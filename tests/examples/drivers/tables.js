'use strict';

/** Two players in three namespaces of one connection each, and in one that nobody declared. */

module.exports = async function tables(stage) {
  const ann = await stage.open('ann');
  await ann.hears();
  const bob = await stage.open('bob');
  await bob.hears();
  await ann.ask('rooms');
  await ann.ask('invite', bob.sid, 'oak');
  await bob.hears();
  bob.answer('vote', (question) => `${question} Yes!`);
  await ann.ask('vote', [bob.sid], 'Another round?');
  await bob.hears();
  await ann.ask('broken', 1, 'two');
  await ann.ask('broken');

  const bobSits = await bob.refused('bob at tables', '/tables', { auth: { age: 7 } });
  const annSits = await ann.also('ann at tables', '/tables', { auth: { name: 'Ann' } });
  await bobSits.again({ name: 'Bob' });
  await annSits.ask('sit', 'oak');
  await bobSits.ask('sit', 'oak');
  await annSits.hears();
  await annSits.ask('draw', 'ace');
  await annSits.ask('draw', 'two');
  await bobSits.ask('draw', 'king');
  await annSits.ask('play', 'oak', 'ace');
  await annSits.hears();
  await bobSits.hears();
  await bobSits.ask('play', 'oak', 'joker');
  await bobSits.ask('rules');
  bobSits.emit('chat', 'oak', { text: 'hi', list: [1, [2]] });
  await annSits.hears();
  await bobSits.hears();

  // Rooms of one name are another room in each namespace, and gone once closed.
  await ann.ask('join', 'oak');
  bobSits.emit('close', 'oak');
  await annSits.hears();
  await bobSits.hears();
  await annSits.ask('stand', 'oak');
  await bobSits.ask('chat', 'oak', 'nobody hears this');
  await bobSits.ask('sit', 'elm');
  await annSits.ask('sit', 'elm');
  await bobSits.hears();

  // A namespace that only the handlers of every namespace know.
  const garden = await ann.also('ann in garden', '/garden');
  const other = await bob.also('bob in garden', '/garden');
  await garden.ask('join', 'oak');
  await other.ask('join', 'oak');
  await other.ask('dig', 1, { deep: true });
  garden.emit('shut', 'oak');
  await garden.hears();
  await other.hears();

  const monitor = await ann.also('ann at monitor', '/monitor');
  await monitor.ask('seen');
  monitor.emit('this and that');
  await monitor.ask('add', 1, 2);
  await monitor.ask('add', 1);
  await monitor.ask('seen');

  // Who leaves a namespace, in four ways, is heard of by the other.
  bobSits.emit('leave');
  await bobSits.hears();
  await annSits.hears();
  await bobSits.again({ name: 'Bob' });
  annSits.emit('kick', bobSits.sid);
  await bobSits.hears();
  await annSits.hears();
  await bobSits.again({ name: 'Bob' });
  bobSits.peer.socket.disconnect();
  await bobSits.hears();
  await annSits.hears();
  await bob.ask('rooms');
  await bobSits.again({ name: 'Bob' });
  bob.leave();
  const [{ name }] = await annSits.until('stood up');
  stage.tell('ann at tables', 'alone without', name);
  annSits.peer.socket.disconnect();
  await annSits.hears();
  await ann.ask('rooms');
};
