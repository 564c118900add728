/* The whiteboard page: draws, sends what is drawn in small binary batches, draws what others send.
   How points travel is written in demo_app/whiteboard.py. */
'use strict';

const WIDTH = 1600, HEIGHT = 1200;    // the board's own coordinates
const WIDTHS = [4, 9, 24];            // of the pens, in the same
const ERASER = 7, ERASER_FACTOR = 3;
const LONGEST = 1000;                 // points of a stroke; a longer line goes on as another one
const BATCH = 1500;                   // points sent at once at most
const EVERY = 40;                     // ms between two batches
const NEAR = 3;                       // a point nearer to the last one than that says nothing new
const PAUSE = 250;                    // ms after which a line is drawn to its last point
const STEP = 20, SMALL_STEP = 4;      // of the arrow keys
const TAG_STAYS = 1200;               // ms

const socket = site.connect('/whiteboard', {named: true});
const canvas = $('canvas');
const context = canvas.getContext('2d');
const strokes = new Map();            // id -> {colour, width, points: [x, y, x, y, ...]}
const people = new Map();             // number -> person
const tags = new Map();               // number -> {element, timer}
const pen = {stroke: null, id: 0, sent: 0, pointer: null}; // the stroke being drawn
const keys = {x: WIDTH / 2, y: HEIGHT / 2, held: new Set()};
let number = 0;                       // ours, the upper half of the ids of our strokes
let count = 0;                        // of our strokes

// ---- The canvas ---------------------------------------------------------------------------------

let colours = [];
let redrawing = 0;                    // the frame that will do it

/** Takes over the size and the colours of the page. */
function fit() {
  const box = $('board').getBoundingClientRect();
  canvas.width = Math.round(box.width * devicePixelRatio);
  canvas.height = Math.round(box.height * devicePixelRatio);
  const paper = getComputedStyle($('board')).backgroundColor;
  colours = [...document.querySelectorAll('.swatch')].map((swatch, number) => (
    number === ERASER ? paper : getComputedStyle(swatch).backgroundColor));
  redraw();
}

function redraw() {
  context.resetTransform();
  context.scale(canvas.width / WIDTH, canvas.height / HEIGHT);
  context.lineCap = context.lineJoin = 'round';
  context.fillStyle = colours[ERASER];
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (const stroke of strokes.values()) paint(stroke, 0, true);
  $('empty').hidden = strokes.size > 0 || $('main').hasAttribute('aria-busy');
}

/** Draws the picture anew, once for all who ask within a frame. */
function redrawSoon() {
  cancelAnimationFrame(redrawing);
  redrawing = requestAnimationFrame(redraw);
}

const middle = (points, at) => [(points[at - 2] + points[at]) / 2, (points[at - 1] + points[at + 1]) / 2];

/**
 * Draws a stroke from one of its points on, as curves from middle to middle: they meet smoothly.
 * What is between the last middle and the last point waits for `whole`: more may be coming.
 */
function paint({colour, width, points}, from, whole) {
  const first = Math.max(0, from - 1) * 2;
  context.strokeStyle = colours[colour];
  context.lineWidth = WIDTHS[width] * (colour === ERASER ? ERASER_FACTOR : 1);
  context.beginPath();
  context.moveTo(...(first ? middle(points, first) : points.slice(0, 2)));
  for (let at = first; at + 3 < points.length; at += 2) {
    context.quadraticCurveTo(points[at], points[at + 1], ...middle(points, at + 2));
  }
  if (whole) context.lineTo(points.at(-2) + .01, points.at(-1)); // a single point is a dot
  context.stroke();
}

/** Draws new points at once, and the stroke as a whole when no more come for a moment. */
function show([stroke, from]) {
  paint(stroke, from, stroke.points.length === 2);
  clearTimeout(stroke.timer);
  stroke.timer = setTimeout(redrawSoon, PAUSE);
  $('empty').hidden = true;
}

function add(id, colour, width, points) {
  let stroke = strokes.get(id);
  if (!stroke) strokes.set(id, stroke = {colour, width, points: []});
  const from = stroke.points.length / 2;
  stroke.points.push(...points);
  return [stroke, from];
}

function forget(id) {
  clearTimeout(strokes.get(id)?.timer);
  strokes.delete(id);
}

function remove(ids) {
  for (const id of ids) forget(id);
  redraw();
}

new ResizeObserver(fit).observe($('board'));
new MutationObserver(fit).observe(document.documentElement, {attributeFilter: ['data-theme']});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', fit);

// ---- Records ------------------------------------------------------------------------------------

/** One record for points of a stroke. */
function pack(id, {colour, width}, points) {
  const view = new DataView(new ArrayBuffer(8 + points.length * 2));
  view.setUint32(0, id, true);
  view.setUint8(4, colour);
  view.setUint8(5, width);
  view.setUint16(6, points.length / 2, true);
  points.forEach((value, index) => view.setUint16(8 + index * 2, value, true));
  return view.buffer;
}

/** Calls back with (id, colour, width, points) of each record in a batch. */
function unpack(batch, callback) {
  const view = new DataView(batch);
  for (let at = 0; at < view.byteLength;) {
    const length = view.getUint16(at + 6, true) * 2;
    const points = Array.from({length}, (_, index) => view.getUint16(at + 8 + index * 2, true));
    callback(view.getUint32(at, true), view.getUint8(at + 4), view.getUint8(at + 5), points);
    at += 8 + length * 2;
  }
}

// ---- From the server ----------------------------------------------------------------------------

socket.on('picture', (me, batch) => {
  number = me.number;
  count = 0;
  [...strokes.keys()].forEach(forget);
  unpack(batch, add);
  $('main').removeAttribute('aria-busy');
  $('board').classList.remove('away');
  redraw();
});

socket.on('drawn', (batch) => unpack(batch, (id, colour, width, points) => {
  show(add(id, colour, width, points));
  showTag(id >>> 16, points.slice(-2));
}));

socket.on('removed', remove);

socket.on('cleared', (person) => {
  lift();
  remove([...strokes.keys()]);
  toast(`${person.nickname} has cleared the board.`);
});

socket.on('people', (list) => {
  people.clear();
  for (const person of list) people.set(person.number, person);
  const once = new Map(list.map((person) => [person.id, person])); // whoever has several tabs
  const own = people.get(number);
  $('people').replaceChildren(...[...once.values()].map((person) => {
    const entry = site.element('li');
    entry.append(site.avatar(person, 'small'),
      site.element('span', 'who', own && person.id === own.id ? `${person.nickname} (you)` : person.nickname));
    return entry;
  }));
});

socket.on('disconnect', () => {
  lift();
  $('board').classList.add('away');
});

/** The name of whoever draws, at the pen for a moment. */
function showTag(painter, [x, y]) {
  const person = people.get(painter);
  if (!person) return;
  let tag = tags.get(painter);
  if (!tag) {
    tag = {element: site.element('span', 'tag', person.nickname)};
    tag.element.style.setProperty('--hue', site.hue(person.id));
    tags.set(painter, tag);
    $('tags').append(tag.element);
  }
  place(tag.element, x, y, 10);
  tag.element.classList.remove('old');
  clearTimeout(tag.timer);
  tag.timer = setTimeout(() => {
    tag.element.classList.add('old');
    tag.timer = setTimeout(() => {
      tag.element.remove();
      tags.delete(painter);
    }, 400);
  }, TAG_STAYS);
}

function place(element, x, y, aside = 0) {
  element.style.translate = `${x / WIDTH * canvas.clientWidth + aside}px ${y / HEIGHT * canvas.clientHeight + aside}px`;
}

// ---- Drawing ------------------------------------------------------------------------------------

const chosen = (name) => Number($('tools').elements[name].value);
const clamp = (value, most) => Math.max(0, Math.min(most, Math.round(value)));

/** Puts the pen down on a point. */
function put(x, y) {
  if (!socket.connected || !number) return;
  count = (count + 1) & 0xffff;
  pen.id = ((number << 16) | count) >>> 0;
  pen.sent = 0;
  const added = add(pen.id, chosen('colour'), chosen('width'), [x, y]);
  [pen.stroke] = added;
  show(added);
}

function move(x, y) {
  const {points} = pen.stroke;
  if (Math.hypot(x - points.at(-2), y - points.at(-1)) < NEAR) return;
  if (points.length >= LONGEST * 2) {
    const [lastX, lastY] = points.slice(-2);
    send();
    put(lastX, lastY);
  }
  show(add(pen.id, 0, 0, [x, y]));
}

function lift() {
  send();
  if (pen.stroke) redrawSoon();
  pen.stroke = pen.pointer = null;
  $('cursor').classList.remove('down');
}

/** Sends the points that are new. */
async function send() {
  if (!pen.stroke || !socket.connected) return;
  const points = pen.stroke.points.slice(pen.sent, pen.sent + BATCH * 2);
  if (!points.length) return;
  pen.sent += points.length;
  const answer = await socket.emitWithAck('draw', pack(pen.id, pen.stroke, points)).catch(() => ({}));
  if (answer.error) {
    toast(answer.error);
    socket.disconnect().connect(); // what is on the board comes anew
  }
}
setInterval(send, EVERY);

function where(event) {
  const box = canvas.getBoundingClientRect();
  return [clamp((event.clientX - box.x) / box.width * WIDTH, WIDTH),
    clamp((event.clientY - box.y) / box.height * HEIGHT, HEIGHT)];
}

canvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || pen.stroke) return;
  canvas.setPointerCapture(event.pointerId);
  put(...where(event));
  pen.pointer = event.pointerId;
});

canvas.addEventListener('pointermove', (event) => {
  if (!pen.stroke || event.pointerId !== pen.pointer) return;
  const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const point of passed.length ? passed : [event]) move(...where(point));
});

for (const end of ['pointerup', 'pointercancel']) {
  canvas.addEventListener(end, (event) => { if (event.pointerId === pen.pointer) lift(); });
}

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

canvas.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || pen.pointer !== null) return;
  if (event.key in ARROWS) {
    keys.held.add(event.key); // two at once move aslant
    const step = event.shiftKey ? SMALL_STEP : STEP;
    for (const key of keys.held) {
      keys.x = clamp(keys.x + ARROWS[key][0] * step, WIDTH);
      keys.y = clamp(keys.y + ARROWS[key][1] * step, HEIGHT);
    }
    if (pen.stroke) move(keys.x, keys.y);
  } else if (event.key === 'Enter' || event.key === ' ') {
    if (pen.stroke) lift();
    else if (!event.repeat) put(keys.x, keys.y);
    $('cursor').classList.toggle('down', Boolean(pen.stroke));
    toast(pen.stroke ? 'The pen is down.' : 'The pen is up.');
  } else if (event.key === 'Escape' && pen.stroke) {
    lift();
  } else {
    return;
  }
  event.preventDefault();
  place($('cursor'), keys.x, keys.y);
});

canvas.addEventListener('keyup', ({key}) => keys.held.delete(key));
canvas.addEventListener('focus', () => place($('cursor'), keys.x, keys.y));
canvas.addEventListener('blur', () => {
  keys.held.clear();
  if (pen.pointer === null) lift();
});

// ---- Buttons ------------------------------------------------------------------------------------

/** Asks the server for something; says so if it cannot be done. */
async function ask(event) {
  if (!socket.connected) return toast('Not connected.');
  const answer = await socket.timeout(5000).emitWithAck(event).catch(() => ({error: 'The server has not answered.'}));
  if (answer.error) toast(answer.error);
}

async function undo() {
  if (pen.pointer !== null) return;
  lift();
  await ask('undo');
}

$('undo').addEventListener('click', undo);

document.addEventListener('keydown', (event) => {
  if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !document.querySelector('dialog[open]')) {
    event.preventDefault();
    undo();
  }
});

$('clear').addEventListener('click', () => {
  if (!strokes.size) return toast('The board is empty already.');
  $('confirm-text').textContent = strokes.size === 1
    ? 'The only stroke goes, and it cannot be brought back.'
    : `All ${strokes.size} strokes go, whoever drew them, and cannot be brought back.`;
  $('confirm').returnValue = 'keep';
  $('confirm').showModal();
});

$('confirm').addEventListener('close', () => { if ($('confirm').returnValue === 'clear') ask('clear'); });

$('save').addEventListener('click', () => canvas.toBlob((blob) => {
  const link = site.element('a');
  link.href = URL.createObjectURL(blob);
  link.download = 'whiteboard.png';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}));

$('tools').addEventListener('submit', (event) => event.preventDefault());

let toastTimer = 0;
function toast(text) {
  clearTimeout(toastTimer);
  $('toast').textContent = text;
  toastTimer = setTimeout(() => { $('toast').textContent = ''; }, 3500);
}
