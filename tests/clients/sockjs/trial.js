/* What one SockJS client goes through, in Node and in pages: tells what it saw. */
(function (root) {
  'use strict';

  const PATIENCE = 20000;

  class Talk {
    constructor(SockJS, url, transport) {
      this.messages = [];
      this.waiting = null;
      this.socket = new SockJS(url, null, {transports: [transport], timeout: PATIENCE});
      this.socket.onmessage = (event) => {
        this.messages.push(event.data);
        this.wake();
      };
      this.opened = new Promise((resolve, reject) => {
        this.socket.onopen = () => resolve();
        this.closed = new Promise((done) => {
          this.socket.onclose = ({code, reason, wasClean}) => {
            reject(new Error(`closed: ${code} ${reason}`));
            done({code, reason, wasClean});
            this.over = `${code} ${reason}`;
            this.wake();
          };
        });
      });
      this.opened.catch(() => {});
    }

    wake() {
      if (this.waiting) this.waiting();
    }

    next() {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no message')), PATIENCE);
        this.waiting = () => {
          if (!this.messages.length && this.over === undefined) return;
          this.waiting = null;
          clearTimeout(timer);
          if (this.messages.length) resolve(this.messages.shift());
          else reject(new Error(`closed: ${this.over}`));
        };
        this.wake();
      });
    }

    async take(count) {
      const all = [];
      while (all.length < count) all.push(await this.next());
      return all;
    }

    emit(...event) {
      this.socket.send(JSON.stringify(event));
    }
  }

  async function opened(SockJS, url, transport, name) {
    const talk = new Talk(SockJS, url, transport);
    await talk.opened;
    talk.emit('name', name);
    talk.named = JSON.parse(await talk.next());
    return talk;
  }

  async function trial(SockJS, url, transport, texts, large) {
    const name = `${transport} ${Math.random()}`;
    const talk = await opened(SockJS, url, transport, `${name} a`);
    const seen = {transport: talk.socket.transport, named: talk.named.slice(2)};

    texts.forEach((text) => talk.socket.send(text));
    seen.texts = await talk.take(texts.length);

    talk.emit('join', name);
    await talk.next();
    const other = await opened(SockJS, url, transport, `${name} b`);
    other.emit('tell', name, {from: ['other']});
    seen.told = JSON.parse(await talk.next());

    talk.emit('burst', 500);
    seen.burst = (await talk.take(500)).every((text, index) => text === `burst ${index}`);

    talk.socket.send('x'.repeat(large));
    seen.large = (await talk.next()).length;
    for (let count = 0; count < 10; count += 1) { // streams end and begin anew meanwhile
      talk.socket.send(`${count}${'y'.repeat(5000)}`);
    }
    seen.order = (await talk.take(10)).map((text) => text[0]).join('');

    talk.emit('close');
    seen.last = await talk.next();
    seen.close = await talk.closed;
    other.socket.close(3001, 'enough');
    seen.closed = await other.closed;
    const left = async (letter) => (
      await fetch(new URL(`/left/${encodeURIComponent(`${name} ${letter}`)}`, url))).text();
    seen.reasons = [await left('a'), await left('b')];
    return seen;
  }

  async function refusal(SockJS, url, transport) {
    const talk = new Talk(SockJS, url, transport);
    return Promise.race([talk.closed, talk.opened.then(() => 'opened', () => talk.closed)]);
  }

  if (typeof module === 'object') module.exports = {trial, refusal};
  else Object.assign(root, {trial, refusal});
}(this));
