// Makes geventio.min.js and geventio.min.js.map of static/geventio.js, always the same bytes from
// the same source: `node build.mjs FOLDER`, where FOLDER takes the two files.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {minify} from 'terser';

const source = readFileSync(new URL('../../static/geventio.js', import.meta.url), 'utf8');

// In the order in which minified JavaScript has them most often, which compresses best.
const LETTERS = 'tsienohrcalufpdmgwbyvkxjqzTSIENOHRCALUFPDMGWBYVKXJQZ_$';
// Names that begin with an underscore are private, except the one that goes over the wire.
const PRIVATE = /^_/;
const WIRE = '_placeholder';

/** Private name -> a short one: the more often it is used, the shorter. */
function shorten(code) {
  const uses = new Map();
  for (const [name] of code.matchAll(/\b_[a-zA-Z]+/g)) uses.set(name, (uses.get(name) || 0) + 1);
  uses.delete(WIRE);
  const names = [...uses.keys()].sort((one, other) => uses.get(other) - uses.get(one));
  return Object.fromEntries(names.map((name, at) => [
    `$${name}`, LETTERS[at] || LETTERS[at % LETTERS.length] + LETTERS[at / LETTERS.length - 1 | 0],
  ]));
}

const {code, map} = await minify({'geventio.js': source}, {
  ecma: 2020,
  compress: {passes: 3, unsafe_arrows: true},
  mangle: {properties: {regex: PRIVATE, reserved: [WIRE]}},
  nameCache: {props: {props: shorten(source)}},
  format: {comments: /^!/},
  sourceMap: {filename: 'geventio.min.js', url: 'geventio.min.js.map'},
});
writeFileSync(join(process.argv[2], 'geventio.min.js'), `${code}\n`);
writeFileSync(join(process.argv[2], 'geventio.min.js.map'), `${map}\n`);
