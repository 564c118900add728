/* node run.js URL TRANSPORT TEXTS LARGE: one trial, told as a line of JSON. */
'use strict';

const SockJS = require('sockjs-client');
const {trial} = require('./trial.js');

const [url, transport, texts, large] = process.argv.slice(2);
trial(SockJS, url, transport, JSON.parse(texts), Number(large)).then((seen) => {
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
}, (error) => {
  process.stderr.write(`${error.stack}\n`, () => process.exit(1));
});
