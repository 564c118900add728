/* Files of messages: pictures shown from Blob addresses, anything else offered as a download. */

import {ask} from './state.js';

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const addresses = new Map(); // file id -> promise of a Blob address, of the open conversation

export const isPicture = (type) => PICTURES.has(type);

export function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function icon(name) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#icon-${name}`);
  made.classList.add('icon');
  made.setAttribute('aria-hidden', 'true');
  made.append(use);
  return made;
}

/** The Blob address of a file of the server; rejects with what is wrong. */
function address(file) {
  if (!addresses.has(file.id)) {
    addresses.set(file.id, (async () => {
      const answer = await ask('file', file.id);
      if (answer.error) {
        addresses.delete(file.id);
        throw new Error(answer.error);
      }
      // Only what the server has recognised as a picture keeps a type that is shown.
      const type = isPicture(answer.type) ? answer.type : 'application/octet-stream';
      return URL.createObjectURL(new Blob([answer.data], {type}));
    })());
  }
  return addresses.get(file.id);
}

/** Gives the memory of all files back. */
export function forgetFiles() {
  for (const promise of addresses.values()) promise.then(URL.revokeObjectURL, () => {});
  addresses.clear();
}

async function save(file) {
  const link = site.element('a');
  link.href = await address(file);
  link.download = file.name;
  link.click();
}

/** What shows a file ({id, name, type, size}) in a message; with `data` it is on its way out. */
export function drawFile(file) {
  return isPicture(file.type) ? drawPicture(file) : drawDownload(file);
}

function drawDownload(file) {
  const made = site.element('button', 'file');
  const names = site.element('span', 'names');
  const size = site.element('span', 'quiet small', sizeOf(file.size));
  names.append(site.element('b', '', file.name), size);
  made.append(icon('file'), names, icon('download'));
  made.title = `Download ${file.name}`;
  made.disabled = file.id === undefined;
  made.addEventListener('click', async () => {
    try { await save(file); } catch (error) { size.textContent = error.message; }
  });
  return made;
}

function drawPicture(file) {
  const made = site.element('button', 'picture skeleton');
  made.setAttribute('aria-label', `Picture ${file.name}, ${sizeOf(file.size)}: show it large`);
  made.showing = async () => {
    try {
      const picture = site.element('img');
      picture.alt = '';
      picture.src = file.id === undefined ? localAddress(file) : await address(file);
      await picture.decode();
      made.replaceChildren(picture);
    } catch (error) {
      const text = error.name === 'EncodingError' ? 'This picture is damaged.' : error.message;
      made.replaceChildren(site.element('span', 'quiet small', text));
    }
    made.classList.remove('skeleton');
  };
  made.addEventListener('click', () => { if (file.id !== undefined) view(file); });
  soon.observe(made);
  return made;
}

// Pictures are fetched when they are about to be seen.
const soon = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    if (isIntersecting) {
      soon.unobserve(target);
      target.showing();
    }
  }
}, {rootMargin: '300px'});

const localAddresses = new WeakMap();

function localAddress(file) {
  if (!localAddresses.has(file)) {
    localAddresses.set(file, URL.createObjectURL(new Blob([file.data], {type: file.type})));
  }
  return localAddresses.get(file);
}

/** Gives the memory of a picture back that was shown while it was on its way. */
export function forgetLocal(file) {
  URL.revokeObjectURL(localAddresses.get(file));
  localAddresses.delete(file);
}

async function view(file) {
  let source;
  try { source = await address(file); } catch { return; } // the message says why
  $('viewer-picture').src = source;
  $('viewer-picture').alt = file.name;
  $('viewer-name').textContent = `${file.name} · ${sizeOf(file.size)}`;
  $('viewer-save').onclick = () => save(file);
  $('viewer').showModal();
}

$('viewer').addEventListener('click', (event) => {
  if (event.target === $('viewer')) $('viewer').close(); // beside it
});
