'use strict';

/**
 * Runs scenarios with one client over one transport, one after another, and writes one line of
 * JSON each: {name, ok, ms} or {name, ok: false, ms, error, wire}.
 *
 *   node run.js '{"client": "sio48", "transport": "polling", "port": 5000, "scenarios": ["connect"]}'
 *
 * Without an argument it writes the names of all scenarios, as one line.
 */

const dom = require('./dom');
const { TRANSPORTS } = require('./peer');
const { Trial, report, say } = require('./trial');

const SCENARIOS = {
  ...require('./scenarios/events'),
  ...require('./scenarios/places'),
  ...require('./scenarios/endings'),
  ...require('./scenarios/volume'),
};
const SCENARIO_LIMIT = 10000;

async function main({ client, transport, parser, port, scenarios }) {
  if (TRANSPORTS[transport].jsonp) dom.install();
  const kind = { client, transport, parser: parser && require(parser) };
  for (const name of scenarios) {
    const trial = await new Trial(kind, port).begin();
    await report(name, [trial], SCENARIO_LIMIT, () => SCENARIOS[name](trial));
  }
}

if (process.argv[2]) main(JSON.parse(process.argv[2])).then(() => process.exit(0));
else say(Object.keys(SCENARIOS));
