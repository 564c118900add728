/* The auction page: shows the state the server sends, counts down by the server's clock, bids. */
'use strict';

const pictures = document.currentScript.dataset.pictures;
const JUST_CHANGED = 300; // ms in which a click may have been meant for the price before

const socket = site.connect('/auction', {named: true});
let me = null;       // {id, nickname}
let state = null;    // as the server sent it
let ahead = 0;       // seconds the server's clock is ahead of this page's
let changedAt = 0;   // when the price on the buttons changed
let bidding = false; // a bid of ours is on its way

const euros = (amount) => `€${amount.toLocaleString('en')}`;
const clock = () => performance.now() / 1000;
const isMine = (bid) => bid.id === me.id;
const nameOf = (bid) => (isMine(bid) ? 'You' : bid.nickname);

socket.on('you', (person) => { me = person; });

socket.on('auction', (sent) => {
  const before = state;
  state = sent;
  ahead = state.now - clock();
  if (!before || before.least !== state.least || before.call !== state.call) changedAt = performance.now();
  show(before);
  tell(before);
});

socket.on('connect', () => { if (state) show(state); });
socket.on('disconnect', () => { if (state) show(state); });

// ---- Showing ------------------------------------------------------------------------------------

function show(before) {
  const lot = state.lots[state.index];
  $('main').removeAttribute('aria-busy');
  $('loading').hidden = true;
  $('sale').hidden = $('catalogue-section').hidden = false;
  $('stage').dataset.lot = lot.picture;
  $('lot-picture').setAttribute('href', `${pictures}#${lot.picture}`);
  $('lot-number').textContent = `Lot ${state.index + 1} of ${state.lots.length}`;
  $('lot-name').textContent = lot.name;
  $('lot-about').textContent = lot.about;
  $('stamp').hidden = !state.sold;

  const [highest] = state.bids;
  $('price-label').textContent = state.sold ? 'Hammer price' : highest ? 'Highest bid' : 'Starting price';
  $('price').textContent = euros(highest ? highest.amount : lot.start);
  $('leader').classList.toggle('mine', Boolean(highest) && isMine(highest));
  $('leader').replaceChildren(...(highest ? [site.avatar(highest, 'small'), nameOf(highest)] : []));

  if (!before || before.call !== state.call) {
    $('amount').value = '';
    complain('');
  }
  $('amount').placeholder = `${state.least} to ${state.most}`;
  for (const button of $('quick').children) {
    button.textContent = `${button.dataset.steps === '0' ? 'Bid ' : ''}${euros(quickAmount(button))}`;
  }
  const closed = !socket.connected || state.sold || Boolean(highest) && isMine(highest);
  for (const button of $('bid').querySelectorAll('button')) button.setAttribute('aria-disabled', String(closed));
  $('amount').readOnly = closed;

  showBids(before);
  showCatalogue();
  tick();
}

function showBids(before) {
  $('count').textContent = state.count || '';
  $('no-bids').hidden = state.count > 0;
  const known = before && before.call === state.call ? before.count : 0;
  $('bids').replaceChildren(...state.bids.map((bid, index) => {
    const entry = site.element('li', before && index < state.count - known ? 'fresh' : '');
    entry.append(site.avatar(bid, 'small'), site.element('span', 'who', nameOf(bid)),
      site.element('span', 'number', euros(bid.amount)));
    return entry;
  }));
}

function showCatalogue() {
  $('people').textContent = state.people === 1 ? 'You are alone here' : `${state.people} people here`;
  $('catalogue').replaceChildren(...state.lots.map((lot, index) => {
    const entry = site.element('li', lot.result ? 'gone' : '');
    entry.dataset.lot = lot.picture;
    if (index === state.index) entry.setAttribute('aria-current', 'true');
    const thumb = site.element('span', 'thumb');
    const svg = $('lot-picture').parentNode.cloneNode(true);
    svg.removeAttribute('class');
    svg.firstElementChild.removeAttribute('id');
    svg.firstElementChild.setAttribute('href', `${pictures}#${lot.picture}`);
    thumb.append(svg);
    const about = site.element('span', 'about');
    about.append(site.element('b', '', lot.name), site.element('span', 'result', lot.result
      ? `${euros(lot.result.amount)} · ${nameOf(lot.result)}`
      : index === state.index ? 'On offer now' : `From ${euros(lot.start)}`));
    entry.append(thumb, about);
    return entry;
  }));
}

/** What goes with time: the ring, the seconds and what the auctioneer says. */
function tick() {
  if (!state) return;
  const [highest] = state.bids;
  const left = state.ends_at === null ? state.bidding : Math.max(0, state.ends_at - clock() - ahead);
  const running = state.ends_at !== null && !state.sold && socket.connected;
  const late = running && left <= state.late;
  const next = state.sold ? state.ends_at + state.pause - clock() - ahead : 0;
  $('seconds').textContent = socket.connected ? Math.ceil(Math.max(0, state.sold ? next : left)) : '–';
  $('unit').textContent = state.sold ? 'next lot' : 'seconds';
  $('ring').style.strokeDashoffset = state.sold ? 100 : 100 - 100 * Math.min(1, left / state.bidding);
  $('clock').classList.toggle('late', late);
  $('clock').classList.toggle('still', !running);
  let call = 'The first bid starts the clock.';
  if (!socket.connected) call = 'Not connected: bidding waits.';
  else if (state.sold) call = isMine(highest) ? 'Sold to you. Congratulations!' : `Sold to ${highest.nickname}.`;
  else if (late) call = left > 10 ? 'Any more bids?' : left > 5 ? 'Going once …' : 'Going twice …';
  else if (highest) call = isMine(highest) ? 'Your bid is the highest.' : 'Who bids more?';
  if ($('call').textContent !== call) $('call').textContent = call;
  $('call').classList.toggle('late', late);
  $('call').classList.toggle('won', state.sold && isMine(highest));
}
setInterval(tick, 200);

/** The same for those who listen; the seconds would be too much to hear. */
function tell(before) {
  const lot = state.lots[state.index];
  const [highest] = state.bids;
  if (!before || before.call !== state.call) {
    $('news').textContent = `${lot.name}, from ${euros(lot.start)}.`;
  } else if (state.sold && !before.sold) {
    $('news').textContent = `${lot.name} is sold to ${nameOf(highest)} for ${euros(highest.amount)}.`;
  } else if (state.count > before.count) {
    $('news').textContent = `${nameOf(highest)}: ${euros(highest.amount)}.`;
  }
}

// ---- Bidding ------------------------------------------------------------------------------------

const quickAmount = (button) => (
  state.least + Number(button.dataset.steps) * state.lots[state.index].step);

function complain(text) {
  $('bid-error').textContent = text;
  $('amount').setAttribute('aria-invalid', String(text !== ''));
}

/** One bid at a time, and none while offline: it would arrive when the price is another one. */
async function bid(amount) {
  if (bidding || !socket.connected || $('amount').readOnly) return;
  if (performance.now() - changedAt < JUST_CHANGED) return complain('The price has just changed.');
  bidding = true;
  complain('');
  try {
    const answer = await socket.timeout(5000).emitWithAck('bid', state.call, amount);
    if (answer.error) complain(answer.error);
    else $('amount').value = '';
  } catch {
    complain('The server has not answered. Look whether the bid is in the list.');
  } finally {
    bidding = false;
  }
}

$('quick').addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) bid(quickAmount(button));
});

$('bid').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('amount').value.replace(/[\s,.€]/g, '');
  if (/^\d+$/.test(text)) bid(Number(text));
  else complain(`Type an amount of ${euros(state.least)} or more.`);
});
