'use strict';

/** The official libraries of the dialects besides Engine.IO, behind the interface of a Visitor. */

const { EventEmitter } = require('events');
const SockJS = require('../sockjs/node_modules/sockjs-client');
const { Peer09, TRANSPORTS } = require('./peer09');
const { Visitor } = require('./visitors');

/** What the SockJS client offers in Node. */
const SOCKJS_TRANSPORTS = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'];

/** sockjs-client. */
class PeerSockJS extends EventEmitter {
  constructor(transport, port) {
    super();
    // Otherwise it gives a transport up after a few of the round trips that it has measured.
    const options = { transports: [transport], timeout: 5000 };
    this.open = () => new SockJS(`http://127.0.0.1:${port}/sockjs`, null, options);
  }

  begin() {
    return new Promise((resolve, reject) => {
      this.socket = this.open();
      this.socket.onopen = resolve;
      this.socket.onclose = ({ code, reason }) => {
        const error = new Error(`closed: ${code} ${reason}`);
        reject(error);
        this.emit('failed', error);
      };
      this.socket.onmessage = ({ data }) => {
        const [event, ...args] = JSON.parse(data);
        this.emit('heard', event, args);
      };
    });
  }

  say(...event) { this.socket.send(JSON.stringify(event)); }

  close() {
    if (this.socket) this.socket.close();
  }
}

module.exports = {
  sio09: ({ client, transport }, port) => (TRANSPORTS.includes(transport)
    ? new Peer09(transport, port) : new Visitor(client, transport, port)),
  sockjs: ({ client, transport }, port) => (SOCKJS_TRANSPORTS.includes(transport)
    ? new PeerSockJS(transport, port) : new Visitor(client, transport, port)),
};
