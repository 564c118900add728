import './geventio.min.js';

const {io} = globalThis;
export const {Manager, Socket, protocol} = io;
export {io, io as connect, io as default};
