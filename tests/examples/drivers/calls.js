'use strict';

/** Both ends ask and answer, in every form that an answer may take. */

const BLOB = Buffer.from([0, 1, 2, 254, 255]);

module.exports = async function calls(stage) {
  const ann = await stage.open('ann');
  const bob = await stage.open('bob');
  for (const visitor of [ann, bob]) {
    visitor.answer('question', (question) => {
      if (question === 'no value') return [];
      if (question === 'two values') return ['first', ['second']];
      if (question && question.blob) return { blob: Buffer.concat([question.blob, BLOB]) };
      return { [visitor.name]: question };
    });
  }

  await ann.ask('nothing');
  await ann.ask('one', null);
  await ann.ask('one', { 'ключ 🗝': ['é', { 深: [] }] });
  await ann.ask('one', [1, 'two', [3]]);
  await ann.ask('one', 0);
  await ann.ask('one', '');
  await ann.ask('one', BLOB);
  await ann.ask('several', 1, 'two', { three: 3 });
  await ann.ask('several', BLOB, 'between', Buffer.alloc(0));
  await ann.ask('listed', 1, 2);
  await ann.ask('reverse', { name: 'ünï', blob: BLOB });
  await ann.ask('reverse', { name: 'big', blob: Buffer.alloc(12, 'abcde') });
  await ann.ask('types', 'text', 1, 1.5, true, null, [], {}, BLOB);
  await ann.ask('no such event', 1, 2, 3);
  ann.emit('gift');
  await ann.hears(3);

  for (const question of ['simple', 'no value', 'two values', { blob: BLOB }]) {
    ann.emit('ask me', question);
    await ann.hears(2);
  }
  ann.emit('ask other', bob.sid, 'from ann');
  await bob.hears();
  await ann.hears();
  await ann.ask('interview', 'a', 'no value', 'two values', { blob: BLOB });
  await ann.hears(4);
  await ann.ask('interview other', bob.sid, ['nested', { question: '?' }]);
  await bob.hears();
  await ann.ask('impatient');
  await ann.hears();
  await ann.ask('poll', [ann.sid, bob.sid]);
  await ann.hears(2);
  await bob.hears();
  for (const [event, question] of [['question', 'from the view'], ['question', 'two values'], ['silence', '']]) {
    await stage.request('view', 'POST', '/ask', { sid: bob.sid, event, question });
    await bob.hears();
  }

  // Errors: one namespace has a handler for them, the others none at first.
  const strict = await ann.also('ann in strict', '/strict');
  const loose = await ann.also('ann in loose', '/loose');
  await ann.ask('divide', 1, 4);
  await strict.ask('divide', 1, 0);
  await strict.hears();
  if (stage.kind.transport === 'websocket') {
    for (const visitor of [ann, loose]) {
      visitor.peer.socket.emit('divide', 1, 0, () => stage.tell(visitor.name, 'an answer too many'));
    }
    await ann.ask('one', 'alive');
    await loose.ask('divide', 9, 3);
  }
  await stage.request('view', 'POST', '/forgive', {});
  await loose.ask('divide', 1, 0);
  await ann.ask('divide', 'x');
  await strict.ask('divide', 2, 0);
  await strict.hears();
};
