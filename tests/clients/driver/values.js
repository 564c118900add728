'use strict';

/** The values that go over the wire: those the server writes by itself, and how they compare. */

const assert = require('assert');

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

/** What app.py's PRODUCTS hold, written again in this language. */
const PRODUCTS = {
  text: [
    'é', '€', '日本語', '😀', 'a😀b👨‍👩‍👧', 'Ã©', '\u2028 and \u2029', '"', "'",
    '\\', '\\n', 'a\nb\r\nc\td', '\x00\x1e\x7f\x85', '<script>&amp;%20+</script>', '',
  ],
  key: [{ ключ: 'é', '😀': ['€', { '\u2028': '\u2029' }] }],
  surrogate: ['\ud800', 'a\udc00b'],
  blob: [Buffer.from([0, 1, 2, 255]), 'between', Buffer.alloc(0), BYTES],
  nest: [{ a: [Buffer.from('one'), { b: Buffer.from('two'), c: null }], n: 1 }, [[Buffer.from('three')]]],
  many: Array.from({ length: 10 }, (_, index) => Buffer.alloc(index + 1, index + 1)),
  value: [null, true, false, 0, -1, 2 ** 53 - 1, 1.5, -2.5e-7, [], {}, [[]], { a: { b: [1] } }],
};

/** A value with every kind of binary written as {$bytes: hex}, as the server describes them. */
function described(value) {
  if (value instanceof ArrayBuffer) return { $bytes: Buffer.from(value).toString('hex') };
  if (ArrayBuffer.isView(value)) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') };
  }
  if (Array.isArray(value)) return value.map(described);
  if (value instanceof Date) return value.toJSON();
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, described(inner)]));
  }
  return value === undefined ? null : value;
}

/** Fails unless both say the same, binary compared by its bytes. */
function same(actual, expected, what) {
  assert.deepStrictEqual(described(actual), described(expected), what && `${what}: ${brief(actual)} is not ${brief(expected)}`);
}

function brief(value) {
  const text = JSON.stringify(described(value));
  return text && text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** Numbers 0..count-1 in order: none lost, doubled or out of place. */
function consecutive(numbers, count, what) {
  const wrong = numbers.findIndex((number, index) => number !== index);
  assert.strictEqual(wrong, -1, `${what}: at ${wrong} came ${numbers.slice(Math.max(0, wrong - 2), wrong + 5)}`);
  assert.strictEqual(numbers.length, count, `${what}: ${numbers.length} of ${count} arrived`);
}

module.exports = { BYTES, PRODUCTS, brief, consecutive, described, same };
