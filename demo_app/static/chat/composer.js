/* Writing: text, files pasted, dropped or chosen, and what is on its way to the server. */

import {forgetLocal, icon, isPicture, sizeOf} from './files.js';
import {drawDraft, put, scrollDown, show} from './log.js';
import {ask, socket, state} from './state.js';

const MAX_FILE = Number($('app').dataset.maxFile);
const MAX_FILES = 8;      // in one go
const TYPING_EVERY = 2000; // ms

let attached = []; // {name, type, size, data}
let typedAt = 0;   // when the others were told last

// ---- Sending ----------------------------------------------------------------------------------

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('');
}

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!state.conversation || (!text && !attached.length)) return;
  // Each file is a message of its own; the first one carries the text.
  const parts = attached.length ? attached.map((file, index) => ({file, text: index ? '' : text}))
    : [{text}];
  for (const part of parts) {
    const key = newKey();
    state.pending.set(key, {
      ...part, conversation: state.conversation, at: Date.now() / 1000, failed: '', underway: false,
    });
    showDraft(key);
    deliver(key);
  }
  $('text').value = '';
  typedAt = 0;
  attach([]);
  scrollDown();
  $('text').focus();
});

function showDraft(key) {
  const draft = state.pending.get(key);
  if (draft.conversation !== state.conversation) return;
  put(drawDraft(key, draft, () => {
    draft.failed = '';
    showDraft(key);
    deliver(key);
  }));
}

/** Shows again what of the open conversation is still on its way. */
export function showDrafts() {
  for (const [key, {conversation}] of state.pending) {
    if (conversation === state.conversation) showDraft(key);
  }
}

/** Sends what waited for the connection. The server keeps a message sent twice once. */
export function deliverAll() {
  for (const [key, {failed}] of state.pending) if (!failed) deliver(key);
}

async function deliver(key) {
  const draft = state.pending.get(key);
  if (draft.underway || !socket.connected) return; // `deliverAll` comes by
  draft.underway = true;
  const {conversation, text, file} = draft;
  const answer = await ask(
    'say', conversation, text, key, file ? {name: file.name, data: file.data} : null);
  draft.underway = false;
  if (!state.pending.has(key)) return; // known already, from the history
  if (answer.error) {
    if (answer.lost && !socket.connected) return;
    draft.failed = answer.error;
    showDraft(key);
    return;
  }
  state.pending.delete(key);
  if (conversation === state.conversation) show(answer.message);
  if (file) forgetLocal(file);
}

// ---- Files ------------------------------------------------------------------------------------

function attach(files) {
  attached = files;
  $('attachments').hidden = files.length === 0;
  $('attachments').replaceChildren(...files.map((file) => {
    const item = site.element('li');
    const remove = site.element('button', 'icon-button');
    remove.type = 'button';
    remove.setAttribute('aria-label', `Remove ${file.name}`);
    remove.append(icon('remove'));
    remove.addEventListener('click', () => {
      attach(attached.filter((other) => other !== file));
      $('text').focus();
    });
    item.append(preview(file), site.element('span', 'name', file.name),
      site.element('span', 'quiet small', sizeOf(file.size)), remove);
    return item;
  }));
  fit();
}

function preview(file) {
  if (!isPicture(file.type)) return icon('file');
  const picture = site.element('img');
  picture.alt = '';
  picture.src = URL.createObjectURL(new Blob([file.data], {type: file.type}));
  picture.onload = picture.onerror = () => URL.revokeObjectURL(picture.src);
  return picture;
}

async function add(files) {
  if (!files.length) return;
  const problems = [];
  const taken = [];
  for (const file of files) {
    const name = file.name || 'pasted';
    if (attached.length + taken.length === MAX_FILES) {
      problems.push(`Only ${MAX_FILES} files can be sent at a time.`);
      break;
    } else if (file.size > MAX_FILE) {
      problems.push(`${name} has ${sizeOf(file.size)}; a file may have up to ${sizeOf(MAX_FILE)}.`);
    } else if (!file.size) {
      problems.push(`${name} is empty or a folder.`);
    } else {
      try {
        taken.push({name, type: file.type, size: file.size, data: await file.arrayBuffer()});
      } catch {
        problems.push(`${name} could not be read.`);
      }
    }
  }
  attach([...attached, ...taken]);
  $('composer-error').textContent = problems.join(' ');
  $('text').focus();
}

$('text').addEventListener('paste', (event) => {
  const {files} = event.clipboardData;
  if (!files.length) return;
  event.preventDefault();
  add([...files]);
});

$('attach').addEventListener('click', () => $('choose').click());
$('choose').addEventListener('change', () => {
  add([...$('choose').files]);
  $('choose').value = '';
});

let hovering = 0; // dragenter comes for each element that is entered

for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    hovering += {dragenter: 1, dragleave: -1}[kind] || 0;
    if (kind === 'drop') {
      hovering = 0;
      add([...event.dataTransfer.files]);
    }
    $('drop-here').hidden = hovering === 0;
  });
}

// ---- The text field ---------------------------------------------------------------------------

/** As high as its text, up to what the style sheet allows. */
export function fit() {
  const {style, value} = $('text');
  style.height = '';
  if (value) style.height = `${$('text').scrollHeight}px`;
  $('send').disabled = !value.trim() && !attached.length;
  $('composer-error').textContent = '';
}

$('text').addEventListener('input', () => {
  fit();
  if (!$('text').value || !socket.connected || Date.now() - typedAt < TYPING_EVERY) return;
  typedAt = Date.now();
  socket.volatile.emit('typing', state.conversation);
});

$('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('composer').requestSubmit();
  }
});
