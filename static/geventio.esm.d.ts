/** Types of geventio.esm.js, the module. */
/// <reference path="geventio.d.ts" />

export import io = globalThis.io;
export {io as connect, io as default};
export import Manager = io.Manager;
export import Socket = io.Socket;
export import Options = io.Options;
export import ManagerOptions = io.ManagerOptions;
export import SocketOptions = io.SocketOptions;
export import TransportError = io.TransportError;
export import ConnectError = io.ConnectError;
export import DisconnectReason = io.DisconnectReason;
export import protocol = io.protocol;
