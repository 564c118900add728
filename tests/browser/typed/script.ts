// A page that has geventio.js: what must compile, and what must not.
/// <reference path="../../../static/geventio.d.ts" />

interface FromServer {
  news: (text: string, tags: string[]) => void;
  question: (text: string, answer: (yes: boolean) => void) => void;
}

interface FromClient {
  say: (text: string) => void;
  ask: (text: string, count: number, answer: (text: string, places: number) => void) => void;
}

const socket = io<FromServer, FromClient>('/chat?colour=blue', {
  auth: (send) => send({token: 'x'}),
  transports: ['websocket', 'polling', 'jsonp'],
  retries: 3,
  ackTimeout: 1000,
  withCredentials: true,
  extraHeaders: {'X-Page': 'chat'},
  query: {colour: 'blue'},
});

socket.on('connect', () => {
  const id: string | undefined = socket.id;
  const recovered: boolean = socket.recovered;
  console.log(id, recovered, socket.io.engine?.transport?.name);
});
socket.on('connect_error', (error) => console.log(error.message, error.data, socket.active));
socket.on('disconnect', (reason, details) => console.log(reason === 'ping timeout', details?.context));
socket.on('news', (text, tags) => console.log(text.length, tags.length));
socket.once('question', (text, answer) => answer(text === 'really?'));
socket.onAny((event, ...args) => console.log(event, args)).offAny();
socket.off('news').off();
socket.removeAllListeners();

socket.emit('say', 'hello').volatile.emit('say', 'now or never');
socket.emit('ask', 'how many?', 2, (text, places) => console.log(text.length + places));
socket.timeout(500).emit('ask', 'how many?', 2, (error, text, places) => {
  if (error === null) console.log(text.length + places);
});

async function ask(): Promise<number> {
  const text: string = await socket.timeout(500).emitWithAck('ask', 'how many?', 2);
  return text.length + (await socket.emitWithAck('ask', 'how many?', 2)).length;
}

// @ts-expect-error: no such event
socket.emit('shout', 'hello');
// @ts-expect-error: the argument is a text
socket.emit('say', 1);
// @ts-expect-error: the listener gets a text
socket.on('news', (text: number) => console.log(text));
// @ts-expect-error: no such option
io({transport: 'websocket'});

// without types of events
const loose = io({path: '/live', reconnectionDelay: 100, rememberTransport: true, forceNew: true});
loose.on('anything', (a, b) => console.log(a, b));
loose.emit('anything', new Uint8Array(3), new Blob([]), (answer: string) => console.log(answer));
loose.io.on('reconnect_attempt', (attempt) => console.log(attempt.toFixed()));
loose.io.reconnectionDelay(50).open((error) => console.log(error?.description));
loose.io.engine?.once('upgrade', ({name}) => console.log(name === 'websocket'));

const manager = new io.Manager('https://example.com', {autoConnect: false, timeout: false});
const admin: io.Socket = manager.socket('/admin', {auth: {token: 'x'}});
admin.connect().disconnect();

// the first generation
const first = new io.Socket<io.FirstEvents>('localhost', {
  port: 8080, transports: ['websocket', 'xhr-polling', 'jsonp-polling'], rememberTransport: false,
});
first.connect();
first.on('connecting', (transport) => console.log(transport));
first.on('connect_failed', () => console.log('no luck'));
first.on('message', (data) => first.send(data));

export {ask};
