/* What the chat page knows, and the socket. Nothing in here touches the page. */

export const socket = site.connect('/', {
  named: true, hint: 'What you write is sent as soon as it is back.',
});

export const state = {
  me: null,            // {id, nickname}
  rooms: [],           // [{name, people}]
  online: new Map(),   // user id -> person
  partners: new Map(), // user id -> person, those with whom there are private messages
  unread: new Map(),   // conversation -> number of messages not seen
  people: [],          // in the open room
  conversation: null,  // the open one: 'room:<name>' or 'direct:<id>:<id>'
  seen: new Map(),     // user id -> {id, nickname, message}: who has seen the open conversation
  drafts: new Map(),   // conversation -> text in the composer, not sent
  pending: new Map(),  // key -> {conversation, text, file, at, failed, underway}: not answered
};

export const isRoom = (conversation) => conversation.startsWith('room:');
export const roomName = (conversation) => conversation.slice('room:'.length);
export const directWith = (id) => `direct:${[state.me.id, id].sort().join(':')}`;
export const partnerOf = (conversation) => (
  conversation.split(':').slice(1).find((id) => id !== state.me.id));
export const personOf = (id) => state.online.get(id) || state.partners.get(id);

const PATIENCE = 60000; // ms; a lost connection is told at once

/** What the server answers to an event; `{error}` when it cannot. */
export async function ask(event, ...args) {
  try {
    return await socket.timeout(PATIENCE).emitWithAck(event, ...args);
  } catch {
    return {error: 'The server did not answer.', lost: true};
  }
}
