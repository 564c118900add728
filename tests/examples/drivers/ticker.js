'use strict';

/** Two clients hear what a background task, jobs and views send. */

async function consecutive(stage, visitor, event, field) {
  const numbers = [];
  while (numbers.length < 4) numbers.push((await visitor.until(event))[0][field]);
  const steady = numbers.every((number, index) => index === 0 || number === numbers[index - 1] + 1);
  stage.tell(visitor.name, `steady ${event}`, steady || numbers);
}

module.exports = async function ticker(stage) {
  const watcher = await stage.open('watcher', { extraHeaders: { 'X-Name': 'watcher' } });
  stage.tell('watcher', 'hello', ...await watcher.until('hello'));
  await consecutive(stage, watcher, 'tick', 'count');
  await watcher.ask('subscribe', 'GEV');
  stage.tell('watcher', 'symbol', (await watcher.until('price'))[0].symbol);
  await watcher.ask('unsubscribe', 'GEV');
  watcher.ignore('tick', 'price');
  watcher.leave();

  const ann = await stage.open('ann', { extraHeaders: { 'X-Name': 'ann' } });
  const bob = await stage.open('bob', { extraHeaders: { 'X-Name': 'bob' } });
  ann.ignore('tick', 'price');
  bob.ignore('tick', 'price');
  await ann.hears();
  await bob.hears();
  ann.emit('start job', 3);
  await ann.hears(4);
  await bob.hears();
  await bob.ask('run job', 2);
  await bob.hears(3);
  await ann.hears();

  const view = (path, body) => stage.request('editor', 'POST', path, body);
  await view('/announce', { text: 'to everybody' });
  await ann.hears(2);
  await bob.hears(2);
  await view('/announce', { text: 'not to bob', skip: bob.sid });
  await ann.hears(2);
  await bob.hears();
  await view('/announce', { text: 'not to both', skip: [ann.sid, bob.sid] });
  await ann.hears();
  await bob.hears();
  await view('/announce', { text: 'to ann', to: ann.sid });
  await ann.hears(2);
  await view('/move', { sid: bob.sid, room: 'cellar' });
  await view('/announce', { text: 'to the cellar', to: 'cellar' });
  await bob.hears(2);
  await stage.request('editor', 'GET', '/who?room=cellar');
  await stage.request('editor', 'GET', '/who?room=nowhere');
  await stage.request('editor', 'GET', '/who');
  await view('/close', { room: 'cellar' });
  await stage.request('editor', 'GET', '/who?room=cellar');
  await view('/announce', { text: 'to ann and bob', to: [ann.sid, bob.sid] });
  await ann.hears(2);
  await bob.hears(2);
  await view('/kick', { sid: bob.sid });
  await bob.hears();
  await stage.request('editor', 'GET', '/who');
};
