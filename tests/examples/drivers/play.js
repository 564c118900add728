'use strict';

/**
 * Acts one play, of a module of this folder, over one transport after another, and writes what the
 * clients saw: one line of JSON for each observation.
 *
 *   node play.js chat '{"port": 5000, "transports": ["polling"], "settings": {}}'
 *
 * A line is {transport, line: [who, what, ...values]}; after the last of a transport comes
 * {transport, end: true}, or {transport, error} when the play stopped there.
 */

const { within } = require('../../clients/driver/peer');
const { say } = require('../../clients/driver/trial');
const { Stage } = require('./stage');

const LIMIT = 15000;

async function main(name, { port, transports, settings }) {
  const act = require(`./${name}`);
  for (const transport of transports) {
    const stage = new Stage(port, transport, settings);
    try {
      await within(act(stage, settings), 'end of the play', LIMIT);
      stage.end();
      say({ transport, end: true });
    } catch (error) {
      stage.end();
      say({ transport, error: error.stack || String(error) });
    }
  }
}

main(process.argv[2], JSON.parse(process.argv[3])).then(() => process.exit(0));
