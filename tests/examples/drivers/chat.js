'use strict';

/** Two users log in, connect with their cookies and talk in a room; strangers are sent away. */

async function logIn(stage, name, password, color) {
  const { cookie } = await stage.request(name, 'POST', '/login', { name, password, color });
  return { extraHeaders: { Cookie: cookie } };
}

module.exports = async function chat(stage, { shared }) {
  await stage.refused('stranger');
  await stage.refused('stranger', { namespace: '/staff' });
  await stage.request('ann', 'POST', '/login', { name: 'ann', password: 'pear', color: 'red' });
  const annsCookie = await logIn(stage, 'ann', 'apple', 'red');
  const bobsCookie = await logIn(stage, 'bob', 'banana', 'blue');

  const ann = await stage.open('ann', annsCookie);
  await ann.hears();
  const bob = await stage.open('bob', bobsCookie);
  await bob.hears();
  await ann.hears();
  const staff = await ann.also('ann at staff', '/staff');
  await bob.refused('bob', '/staff');

  await ann.ask('whoami');
  await ann.ask('join', { room: 'garden' });
  await ann.hears();
  await bob.ask('join', { room: 'garden' });
  await bob.hears();
  await ann.hears();
  await ann.ask('text', { text: 'Grüße 🌻' });
  await ann.ask('text', { text: 'still there?' });
  await bob.ask('text', { text: 'yes' });
  await ann.hears(3);
  await bob.hears(3);
  await bob.ask('typing');
  await ann.hears();
  await ann.ask('whisper', 'bob', 'psst');
  await bob.hears();
  await ann.ask('whoami');
  await bob.ask('whoami');
  await stage.request('ann', 'GET', '/me', undefined, annsCookie.extraHeaders);

  // A second tab of the same user.
  const tab = await stage.open('tab', annsCookie);
  await tab.hears();
  await ann.hears();
  await bob.hears();
  await tab.ask('whoami');
  await bob.ask('whisper', 'ann', 'to all tabs');
  await tab.hears();
  await ann.hears();
  tab.leave();
  await ann.hears(shared ? 2 : 1);
  await bob.hears(shared ? 2 : 1);

  await bob.ask('leave', { room: 'garden' });
  await ann.hears();
  await bob.ask('join', { room: 'attic' });
  await bob.hears();
  await bob.ask('join', { room: 'garden' });
  await bob.hears();
  await ann.hears();

  // Logging out ends nothing by itself; the next handler may look.
  const { cookie } = await stage.request('bob', 'POST', '/logout', {}, bobsCookie.extraHeaders);
  await stage.request('bob', 'GET', '/me', undefined, { Cookie: cookie || bobsCookie.extraHeaders.Cookie });
  bob.emit('text', { text: 'me again' });
  await bob.hears();
  await ann.hears(shared ? 2 : 1);
  await staff.ask('online');
  bob.leave();
  if (!shared) await ann.hears(2);
  ann.peer.socket.disconnect();
  await ann.hears();
  await staff.ask('online');
};
