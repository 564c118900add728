'use strict';

/** Readers, an editor and views of an application made by a factory. */

const HOME = 'http://news.example';

module.exports = async function newsroom(stage, { path }) {
  const handshake = (base, Origin) => stage.fetch('GET', `${base}/?EIO=4&transport=polling`, undefined, { Origin });
  stage.tell('pirate', 'status', (await handshake(path, 'http://pirate.example')).status);
  stage.tell('lost', 'status', (await handshake('/socket.io', HOME)).status);
  await stage.request('editor', 'POST', '/reset', {});
  const { status, headers } = await handshake(path, HOME);
  stage.tell('browser', 'status', status, headers['access-control-allow-origin'], headers['access-control-allow-credentials']);

  const publish = (title, topic) => stage.request('editor', 'POST', '/articles/', { title, topic });
  const { body: first } = await publish('Old news', 'sport');
  const ann = await stage.open('ann', { extraHeaders: { Origin: HOME } });
  const bob = await stage.open('bob');
  await ann.ask('follow', 'sport');
  await ann.hears();
  await bob.ask('follow', 'weather');
  await ann.ask('fresh');
  await ann.ask('fresh');
  await ann.ask('search', 'Old');
  await ann.ask('search', 'nothing like it');

  await bob.refused('bob', '/desk', { auth: { key: 'guess' } });
  const desk = await stage.open('desk', {
    namespace: '/desk', auth: { key: 'sesame' }, query: { desk: 'north' }, extraHeaders: { 'X-Editor': 'Eve' },
  });
  await publish('A goal', 'sport');
  await ann.hears();
  await desk.hears();
  await publish('Rain', 'weather');
  await bob.hears();
  await desk.hears();
  await desk.ask('correct', Number(first.url.split('/').pop()), 'Corrected news');
  await ann.hears();
  await bob.ask('follow', 'sport');
  await bob.hears(2);
  await bob.ask('unfollow', 'weather');
  await desk.ask('withdraw', 'sport');
  await ann.hears();
  await bob.hears();
  await bob.ask('unfollow', 'sport');
  await stage.request('ann', 'GET', first.url);
  await stage.request('ann', 'GET', '/articles/1000');
  await stage.request('ann', 'GET', '/articles/');
  await stage.request('ann', 'GET', '/stats');
};
