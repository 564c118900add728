'use strict';

/** The official libraries of the dialects besides Engine.IO, behind the interface of a Visitor. */

const { Peer09, TRANSPORTS } = require('./peer09');
const { Visitor } = require('./visitors');

module.exports = {
  sio09: ({ client, transport }, port) => (TRANSPORTS.includes(transport)
    ? new Peer09(transport, port) : new Visitor(client, transport, port)),
};
