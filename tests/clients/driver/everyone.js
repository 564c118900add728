'use strict';

/**
 * One client of every dialect and transport in one room.
 *
 *   node everyone.js '{"port": 5000, "members": [{"client": "sio48", "transport": "polling"}, ...]}'
 *
 * Writes one line of JSON: {name, ok, ms} or {name, ok: false, ms, error}.
 */

const assert = require('assert');
const dom = require('./dom');
const { GENERATIONS, Peer, within } = require('./peer');
const { report } = require('./trial');
const { same } = require('./values');
const { Visitor } = require('./visitors');
const libraries = require('./libraries');

const LIMIT = 40000;

/** Anybody: begins, says events, and keeps what the room was told. */
class Member {
  constructor(kind, port) {
    this.kind = kind;
    this.name = `${kind.client} ${kind.transport}`;
    this.said = [];
    this.failure = null;
    this.waiting = [];
    if (GENERATIONS[kind.client]) {
      const peer = new Peer(kind, port);
      this.begin = () => peer.ready();
      this.say = (...args) => peer.emit(...args);
      this.close = () => peer.close();
      for (const event of ['said', 'reflected']) peer.socket.on(event, (...args) => this.hear(event, args));
    } else {
      const make = libraries[kind.client];
      const visitor = make ? make(kind, port) : new Visitor(kind.client, kind.transport, port);
      this.begin = () => visitor.begin();
      this.say = (...args) => visitor.say(...args);
      this.close = () => visitor.close();
      visitor.on('heard', (event, args) => this.hear(event, args));
      visitor.on('failed', (error) => { this.failure = error; });
    }
  }

  get speaks() { return this.kind.client !== 'sse'; }

  hear(event, args) {
    if (event === 'said') this.said.push(args[0]);
    if (event === 'reflected') this.isIn = true;
    for (const look of this.waiting) look();
  }

  /** Resolves when something has come true. */
  until(what, true_) {
    const come = new Promise((resolve) => {
      const look = () => { if (true_()) resolve(); };
      this.waiting.push(look);
      look();
    });
    return within(come, `${what} for ${this.name} (${this.failure || 'no error'}, heard ${this.said.length})`, 15000);
  }
}

async function everyone(members) {
  for (const member of members) {
    await within(member.begin(), `beginning of ${member.name} (${member.failure || 'no error'})`);
  }
  await Promise.all(members.filter((member) => member.speaks).map((member) => {
    member.say('join', 'everyone');
    member.say('reflect');
    return member.until('way into the room', () => member.isIn);
  }));
  const speakers = members.filter((member) => member.speaks);
  const words = speakers.map(({ name }) => `€ 😀 "${name}"`);
  speakers.forEach((member, index) => member.say('say', 'everyone', words[index]));
  await Promise.all(members.map((member) => member.until('words', () => member.said.length >= words.length)));
  same([...members[0].said].sort(), [...words].sort(), 'what the first heard');
  for (const member of members) {
    assert.strictEqual(member.failure, null, member.name);
    same(member.said, members[0].said, `what ${member.name} heard`);
  }
}

async function main({ port, members: kinds }) {
  dom.install();
  const members = kinds.map((kind) => new Member(kind, port));
  await report('everyone', [], LIMIT, () => everyone(members));
  members.forEach((member) => member.close());
}

main(JSON.parse(process.argv[2])).then(() => process.exit(0));
