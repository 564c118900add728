'use strict';

/**
 * The few pieces of a browser page that the JSONP transport of the clients uses: script elements
 * that load and run, and a form that posts into an iframe. It follows a browser where a server
 * could go wrong: the type and charset of a script, its status, form encoding, gzip.
 * Nothing of a client is touched; they find `document` and take it for a page.
 */

const http = require('http');
const vm = require('vm');
const zlib = require('zlib');

const SCRIPT_TYPES = /^(text|application)\/(x-)?(java|ecma)script\b/;

class Element {
  constructor(tag) {
    this.tagName = tag.toUpperCase();
    this.style = {};
    this.children = [];
    this.parentNode = null;
  }

  setAttribute(name, value) {
    this[name] = value;
  }

  appendChild(child) {
    return this.insertBefore(child, null);
  }

  insertBefore(child, reference) {
    const at = reference ? this.children.indexOf(reference) : this.children.length;
    if (at < 0) throw new Error('NotFoundError');
    this.children.splice(at, 0, child);
    child.parentNode = this;
    child.inserted();
    return child;
  }

  removeChild(child) {
    const at = this.children.indexOf(child);
    if (at < 0) throw new Error('NotFoundError');
    this.children.splice(at, 1);
    child.parentNode = null;
    return child;
  }

  find(test, found = []) {
    for (const child of this.children) {
      if (test(child)) found.push(child);
      child.find(test, found);
    }
    return found;
  }

  inserted() {}
}

class Script extends Element {
  inserted() {
    const source = this.src;
    load(source, {}, null, (error, reply) => {
      if (error || reply.status !== 200) {
        if (this.onerror) this.onerror(error || new Error(`script answered ${reply.status}`));
        return;
      }
      const type = reply.headers['content-type'] || '';
      if (/nosniff/i.test(reply.headers['x-content-type-options'] || '') && !SCRIPT_TYPES.test(type)) {
        if (this.onerror) this.onerror(new Error(`nosniff forbids a script of type ${type}`));
        return;
      }
      const charset = /charset=["']?([\w-]+)/i.exec(type);
      const text = new TextDecoder(charset ? charset[1] : 'utf-8').decode(reply.body);
      vm.runInThisContext(text, { filename: source });
    });
  }
}

class Form extends Element {
  submit() {
    const pairs = this.find((element) => element.name && element.value !== undefined)
      .map((element) => [element.name, element.value.replace(/\r\n|\r|\n/g, '\r\n')]);
    const body = new URLSearchParams(pairs).toString();
    const frame = this.find((element) => element.tagName === 'IFRAME' && element.name === this.target)[0];
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    load(this.action, headers, body, () => {
      if (frame && frame.parentNode && frame.onload) frame.onload();
    });
  }
}

function load(url, headers, body, done) {
  const method = body === null ? 'GET' : 'POST';
  const options = { method, headers: { 'Accept-Encoding': 'gzip, deflate', ...headers } };
  const request = http.request(url, options, (response) => {
    const chunks = [];
    response.on('data', (chunk) => chunks.push(chunk));
    response.on('error', done);
    response.on('end', () => {
      const raw = Buffer.concat(chunks);
      const coding = response.headers['content-encoding'];
      let decoded = raw;
      if (coding === 'gzip') decoded = zlib.gunzipSync(raw);
      if (coding === 'deflate') decoded = zlib.inflateSync(raw);
      done(null, { status: response.statusCode, headers: response.headers, body: decoded });
    });
  });
  request.on('error', done);
  request.end(body === null ? undefined : body);
}

/** Gives this process a `document`. */
function install() {
  const root = new Element('html');
  const head = root.appendChild(new Element('head'));
  const body = root.appendChild(new Element('body'));
  global.document = {
    domain: '127.0.0.1',
    head,
    body,
    createElement(tag) {
      if (!/^\w+$/.test(tag)) throw new Error('InvalidCharacterError');
      if (tag === 'script') return new Script(tag);
      if (tag === 'form') return new Form(tag);
      return new Element(tag);
    },
    getElementsByTagName(tag) {
      return root.find((element) => element.tagName === tag.toUpperCase());
    },
  };
}

module.exports = { install };
