/* The figures of the server, as numbers and as plots drawn in SVG. */
'use strict';

const figures = (() => {
  const KEPT = 180;             // samples: the last three minutes
  const [WIDTH, HEIGHT] = [600, 160];
  const socket = site.connect('/stats');
  let samples = [];

  const count = (sample, name) => sample.transports[name] || 0;
  const short = (value) => (value < 100 ? value.toFixed(1) : value.toFixed(0));

  // Each plot: its series from the lowest to the one on top, how a value is written, and the
  // least height of the scale, so that nothing looks dramatic.
  const plots = [
    {id: 'plot-connections', least: 4, text: String, unit: '',
      series: [(s) => count(s, 'websocket'), (s) => count(s, 'polling')], colours: [1, 2]},
    {id: 'plot-events', least: 5, text: short, unit: ' a second',
      series: [(s) => s.events], colours: [3]},
    {id: 'plot-lag', least: 5, text: short, unit: ' ms', series: [(s) => s.lag], colours: [1]},
  ];

  socket.on('history', show);
  socket.on('sample', (sample) => show([...samples, sample].slice(-KEPT)));

  function show(shown) {
    samples = shown;
    draw();
  }

  function draw() {
    if (!samples.length) return;
    const now = samples.at(-1);
    const [websocket, polling] = [count(now, 'websocket'), count(now, 'polling')];
    const texts = {
      connections: websocket + polling, websocket, polling, events: short(now.events),
      lag: short(now.lag), memory: (now.memory / 1e6).toFixed(0),
      rest: `Up for ${duration(now.uptime)} · ${now.sockets} namespace sockets · `
        + `${now.rooms} rooms · ${now.handlers} handlers at work`,
    };
    for (const [id, text] of Object.entries(texts)) $(id).textContent = text;
    plots.forEach(plot);
  }

  /** The two largest units: `3 h 20 min`. */
  function duration(seconds) {
    const [day, hour, minute] = [86400, 3600, 60];
    const parts = [[Math.floor(seconds / day), 'd'], [Math.floor(seconds % day / hour), 'h'],
      [Math.floor(seconds % hour / minute), 'min'], [Math.floor(seconds % minute), 's']];
    const first = parts.findIndex(([number]) => number > 0);
    return parts.slice(first < 0 ? 3 : first).slice(0, 2).map((part) => part.join(' ')).join(' ');
  }

  function shape(name, className, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    made.setAttribute('class', className);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // ---- Plots: the newest sample stands at the right edge ----------------------------------------

  const x = (index) => WIDTH - (samples.length - 1 - index) * WIDTH / (KEPT - 1);

  /** The end of the scale: the next 1, 2 or 5 times a power of ten. */
  function ceiling(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].find((step) => step * power >= value) * power;
  }

  function plot({id, series, colours, least, text, unit}) {
    const figure = $(id);
    const stacked = samples.map((sample) => {
      let sum = 0;
      return series.map((value) => (sum += value(sample)));
    });
    const top = ceiling(Math.max(least, ...stacked.flat()));
    const y = (value) => HEIGHT - value / top * HEIGHT;
    const shapes = [0, .5, 1].map((part) => shape('line', 'rule', {
      x1: 0, x2: WIDTH, y1: y(part * top), y2: y(part * top),
    }));
    for (let level = series.length - 1; level >= 0; level -= 1) { // the lowest one in front
      const points = (value) => stacked.map(
        (values, index) => `${x(index).toFixed(1)},${y(value(values)).toFixed(1)}`);
      const line = points((values) => values[level]);
      const floor = points((values) => values[level - 1] || 0).reverse();
      const colour = `series-${colours[level]}`;
      shapes.push(
        shape('path', `area ${colour}`, {d: `M${[...line, ...floor].join('L')}Z`}),
        shape('path', `line ${colour}`, {d: `M${line.join('L')}`}));
    }
    const pointed = Math.min(figure.pointed ?? samples.length - 1, samples.length - 1);
    if (figure.pointed !== undefined) {
      shapes.push(shape('line', 'cursor', {x1: x(pointed), x2: x(pointed), y1: 0, y2: HEIGHT}));
    }
    const value = stacked[pointed].at(-1);
    const when = figure.pointed === undefined ? `top of the scale ${text(top).replace('.0', '')}`
      : new Date(samples[pointed].at * 1000).toLocaleTimeString();
    figure.querySelector('.reading').replaceChildren(
      `${text(value)}${unit}`, site.element('span', 'quiet small', ` · ${when}`));
    figure.querySelector('svg').replaceChildren(...shapes);
    delete figure.dataset.empty;
  }

  for (const {id} of plots) {
    const svg = $(id).querySelector('svg');
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const back = Math.round((box.right - event.clientX) / box.width * (KEPT - 1));
      $(id).pointed = Math.max(0, samples.length - 1 - back);
      if (samples.length) draw();
    });
    svg.addEventListener('pointerleave', () => {
      delete $(id).pointed;
      if (samples.length) draw();
    });
  }

  return {show, socket};
})();
