/* The monitor page: keeps the samples of the last minutes and plots them. */
'use strict';

const SVG = 'http://www.w3.org/2000/svg';
const GAP = 2.5; // intervals without a sample, after which a line is interrupted

const socket = site.connect('/monitor');
let host = null;      // what does not change
let samples = [];     // {at, cpu, memory, load, received, sent}
let range = 60;       // seconds shown
let cursor = null;    // seconds before the last sample that are looked at

const percent = (share) => `${Math.round(share * 100)} %`;
const gibibytes = (bytes) => `${(bytes / 2 ** 30).toFixed(bytes < 100 * 2 ** 30 ? 1 : 0)} GiB`;
const clockOf = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function traffic(bytes) {
  const [unit, size] = [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]].find(([, least]) => bytes >= least) || ['B', 1];
  const number = bytes / size;
  return `${number.toFixed(size > 1 && number < 10 ? 1 : 0)} ${unit}/s`;
}

/** The next of 1, 2, 4, 6, 8, 10, 20 ... above a number. */
function round(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 4, 6, 8, 10].find((step) => step * power >= number) * power;
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** An element that shows numbers as [class, text] pairs. */
function value(...parts) {
  return parts.flatMap(([className, text], index) => [
    ...(index ? [' '] : []), site.element(className === 'small' ? 'small' : 'span', className, text)]);
}

// What is plotted, up to where (given the samples shown), and what is said of one sample.
const PLOTS = {
  cpu: {
    series: ['cpu'], filled: true, most: () => 1, label: percent,
    say: ({cpu}) => value(['', percent(cpu)]),
  },
  memory: {
    series: ['memory'], filled: true, most: () => host.memory, label: gibibytes,
    say: ({memory}) => value(['', gibibytes(memory)], ['small', `of ${gibibytes(host.memory)}`]),
  },
  load: {
    series: ['load'], mark: () => host.processors, label: (number) => number.toFixed(number < 10 ? 1 : 0),
    most: (shown) => round(Math.max(host.processors * 1.25, ...shown.map(({load}) => load))),
    say: ({load}) => value(['', load.toFixed(2)], ['small', `on ${host.processors}`]),
  },
  network: {
    series: ['received', 'sent'], label: traffic,
    most: (shown) => round(Math.max(10e3, ...shown.flatMap(({received, sent}) => [received, sent]))),
    say: ({received, sent}) => value(['one', `↓ ${traffic(received)}`], ['two', `↑ ${traffic(sent)}`]),
  },
};

// ---- From the server ----------------------------------------------------------------------------

const asObject = (values) => Object.fromEntries(host.fields.map((name, index) => [name, values[index]]));

socket.on('host', (sent) => {
  host = sent;
  $('processors').textContent = host.processors;
  $('total').textContent = gibibytes(host.memory);
  $('up').textContent = duration(host.up);
  showCores([]);
});

socket.on('history', (history) => {
  samples = history.map(asObject);
  $('main').classList.remove('away');
  refuse('');
  plotAll();
});

socket.on('sample', ({values, shares, watchers}) => {
  samples.push(asObject(values));
  if (samples.length > host.history) samples.shift();
  $('up').textContent = duration(host.up + samples.at(-1).at - host.at);
  $('watchers').textContent = watchers === 1 ? '1 page' : `${watchers} pages`;
  showCores(shares);
  plotAll();
});

socket.on('disconnect', () => {
  $('main').classList.add('away');
  plotAll();
  if (paused) site.label('Paused', true);
});

socket.on('connect_error', (error) => {
  if (!socket.active) refuse(error.message);
});

/** A bar for each processor. */
function showCores(shares) {
  for (let index = $('cores').children.length; index < host.processors; index += 1) {
    const entry = site.element('li');
    const bar = site.element('span', 'bar');
    bar.append(site.element('span'));
    entry.append(site.element('span', 'quiet number', String(index)), bar, site.element('span', 'number', '–'));
    $('cores').append(entry);
  }
  [...$('cores').children].forEach((entry, index) => {
    entry.hidden = index >= host.processors;
    if (index >= shares.length) return;
    entry.querySelector('.bar span').style.width = `${shares[index] * 100}%`;
    entry.lastChild.textContent = percent(shares[index]);
  });
}

/** What stands in place of the figures when there are none to be had. */
function refuse(text) {
  $('refused').textContent = text;
  $('refused').hidden = text === '';
  $('figures').hidden = text !== '';
}

// ---- Plots --------------------------------------------------------------------------------------

function plotAll() {
  if (!samples.length) return;
  $('main').removeAttribute('aria-busy');
  const end = samples.at(-1).at;
  const shown = samples.filter(({at}) => at >= end - range);
  const looked = cursor === null ? samples.at(-1) : nearest(shown, end - cursor);
  for (const [id, plot] of Object.entries(PLOTS)) draw($(id), plot, shown, end, looked);
}

function nearest(shown, at) {
  return shown.reduce((best, sample) => (Math.abs(sample.at - at) < Math.abs(best.at - at) ? sample : best));
}

function draw(card, plot, shown, end, looked) {
  const most = plot.most(shown);
  const x = ({at}) => (1000 * (1 - (end - at) / range)).toFixed(1);
  const y = (number) => (100 * (1 - Math.min(number, most) / most)).toFixed(2);
  const parts = [.5, 1].map((share) => rule(100 * (1 - share), ''));
  parts.push(rule(100, ''));
  if (plot.mark) parts.push(rule(y(plot.mark()), 'mark'));
  const watched = unbroken(shown);
  watched.slice(1).forEach((piece, index) => parts.push(gap(x(watched[index].at(-1)), x(piece[0]))));
  plot.series.forEach((name, index) => {
    const pieces = watched.map((piece) => piece.map((sample) => `${x(sample)} ${y(sample[name])}`));
    if (plot.filled) {
      parts.push(path('fill', pieces.map((points) => (
        `M${points[0].split(' ')[0]} 100L${points.join('L')}L${points.at(-1).split(' ')[0]} 100Z`))));
    }
    parts.push(path(`series-${index + 1}`, pieces.map((points) => `M${points.join('L')}${points.length > 1 ? '' : 'h.1'}`)));
  });
  card.querySelector('svg').replaceChildren(...parts);

  card.querySelector('.scale').replaceChildren(...[.5, 1].map((share) => {
    const label = site.element('span', '', plot.label(most * share));
    label.style.top = `${100 * (1 - share)}%`;
    return label;
  }));
  card.querySelector('.value').replaceChildren(...plot.say(looked));
  const cross = card.querySelector('.cross');
  cross.hidden = cursor === null;
  cross.style.left = `${x(looked) / 10}%`;
  const [from, between, to] = card.querySelectorAll('.times span');
  from.textContent = clockOf(end - range);
  between.textContent = watched.length > 1 ? 'shaded: nobody watched' : '';
  to.textContent = cursor !== null ? `at ${clockOf(looked.at)}` : socket.connected ? 'now' : clockOf(end);
  const area = card.querySelector('.area');
  area.setAttribute('aria-valuemin', -range);
  area.setAttribute('aria-valuenow', Math.round(looked.at - end));
  area.setAttribute('aria-valuetext', `${card.querySelector('.value').textContent} at ${clockOf(looked.at)}`);
}

/** The samples in pieces between which somebody had stopped watching. */
function unbroken(shown) {
  const pieces = [];
  shown.forEach((sample, index) => {
    if (!index || sample.at - shown[index - 1].at > GAP * host.interval) pieces.push([]);
    pieces.at(-1).push(sample);
  });
  return pieces;
}

const rule = (y, className) => shape('line', {x1: 0, x2: 1000, y1: y, y2: y, class: className});
const gap = (from, to) => shape('rect', {x: from, y: 0, width: to - from, height: 100, class: 'gap'});
const path = (className, pieces) => shape('path', {class: className, d: pieces.join('')});

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, setting] of Object.entries(attributes)) made.setAttribute(name, setting);
  return made;
}

// ---- Looking at a moment, in all plots at once --------------------------------------------------

function look(seconds) {
  cursor = seconds === null ? null : Math.max(0, Math.min(range, seconds));
  plotAll();
}

for (const area of document.querySelectorAll('.area')) {
  const follow = (event) => {
    const box = area.getBoundingClientRect();
    look(range * (1 - (event.clientX - box.x) / box.width));
  };
  area.addEventListener('pointermove', follow);
  area.addEventListener('pointerdown', follow);
  area.addEventListener('pointerleave', () => look(null));
  area.addEventListener('blur', () => look(null));
  area.addEventListener('keydown', ({key, shiftKey}) => {
    const step = shiftKey ? 10 : 1;
    if (key === 'ArrowLeft' || key === 'ArrowDown') look((cursor || 0) + step);
    else if (key === 'ArrowRight' || key === 'ArrowUp') look((cursor || 0) - step);
    else if (key === 'Home') look(range);
    else if (key === 'End' || key === 'Escape') look(null);
  });
}

// ---- Buttons ------------------------------------------------------------------------------------

let paused = false;

$('range').addEventListener('change', (event) => {
  range = Number(event.target.value);
  look(null);
});

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').textContent = paused ? 'Go on' : 'Pause';
  if (paused) socket.disconnect();
  else socket.connect();
});
