/**
 * Types of geventio.js, the script that sets the global `io`. For geventio.esm.js see
 * geventio.esm.d.ts.
 */

/**
 * A socket for `url`: [origin]/namespace[?query], by default the page's origin and `/`.
 *
 *     const socket = io<ServerEvents, ClientEvents>('/chat', {auth: {token}});
 */
declare function io<Listen extends io.Events = io.AnyEvents, Emit extends io.Events = Listen>(
  url?: string, options?: io.Options): io.Socket<Listen, Emit>;
declare function io<Listen extends io.Events = io.AnyEvents, Emit extends io.Events = Listen>(
  options?: io.Options): io.Socket<Listen, Emit>;

declare namespace io {
  const connect: typeof io;

  /** The version of the Socket.IO protocol. */
  const protocol: number;

  /** Event name -> a function that takes the event's arguments, an acknowledgement as the last. */
  type Events = {[Name in string]: (...args: any[]) => void} | object;
  interface AnyEvents {
    [event: string]: (...args: any[]) => void;
  }

  type TransportName = 'websocket' | 'polling' | 'jsonp'
    | 'flashsocket' | 'htmlfile' | 'xhr-multipart' | 'xhr-polling' | 'jsonp-polling';
  type Data = {[name: string]: any};

  interface TransportOptions {
    /** Added to the URL of every request. */
    query?: Data | string;
    /** HTTP headers; polling only. */
    extraHeaders?: {[name: string]: string};
    /** Send cookies to another origin; polling only. Default: false. */
    withCredentials?: boolean;
    /** WebSocket subprotocols. */
    protocols?: string | string[];
  }

  interface ManagerOptions extends TransportOptions {
    /** Where the server listens. Default: '/socket.io'. */
    path?: string;
    /**
     * Tried in this order until one opens. Default: WebSocket, then polling, then, if the server
     * is of another origin, JSONP. Names that the browser has nothing for are passed over.
     */
    transports?: (TransportName | (string & {}))[];
    /** Options for one transport only. */
    transportOptions?: {[name: string]: TransportOptions};
    /** Move from polling to WebSocket once it works, if both are named. Default: true. */
    upgrade?: boolean;
    /** Begin with WebSocket the next time after such a move. Default: false. */
    rememberUpgrade?: boolean;
    /**
     * Begin with what worked the last time: true also after the page was left, false never. By
     * default only until then. The other transports are always tried after it.
     */
    rememberTransport?: boolean;
    /** Milliseconds a transport may take to open before the next one is tried. Default: 5000. */
    connectTimeout?: number;
    /** Milliseconds one attempt may take, all transports together; false: any. Default: 20000. */
    timeout?: number | false;
    /** Binary values accepted in one packet. Default: 10. */
    maxAttachments?: number;
    /** Connect at once. Default: true. */
    autoConnect?: boolean;
    /** Connect again when the connection is lost. Default: true. */
    reconnection?: boolean;
    /** Default: Infinity. */
    reconnectionAttempts?: number;
    /** Milliseconds before the first attempt; doubled for each further one. Default: 1000. */
    reconnectionDelay?: number;
    /** Milliseconds; no delay is longer. Default: 5000. */
    reconnectionDelayMax?: number;
    /** Share by which a delay is varied, both ways. Default: 0.5. */
    randomizationFactor?: number;
  }

  interface SocketOptions {
    /** Sent to the server with each connection. */
    auth?: Data | ((send: (data: Data) => void) => void);
    /** Send each event again until it is acknowledged, this many times, one event at a time. */
    retries?: number;
    /** Milliseconds an acknowledgement may take, as with timeout(). */
    ackTimeout?: number;
  }

  interface Options extends ManagerOptions, SocketOptions {
    /** Do not share the connection with other namespaces. Default: false. */
    forceNew?: boolean;
    /** Share the connection with other namespaces. Default: true. */
    multiplex?: boolean;
  }

  /** Options of the first generation, for `new io.Socket(host, options)`. */
  interface FirstOptions extends Options {
    port?: number | string;
    /** Default: as the page. */
    secure?: boolean;
    /** Where the server listens. Default: 'socket.io'. */
    resource?: string;
    /** Connect again when the connection is lost. Default: false. */
    reconnect?: boolean;
  }

  /** Why a connection could not be made or was lost. */
  interface TransportError extends Error {
    type?: 'TransportError';
    /** What is known beyond the message: the status of an answer, for example. */
    description?: unknown;
    /** A CloseEvent, or the text of an answer. */
    context?: unknown;
  }

  /** `data` is what the server gave as the reason for a refusal. */
  interface ConnectError extends TransportError {
    data?: any;
  }

  type DisconnectReason = 'io server disconnect' | 'io client disconnect' | 'ping timeout'
    | 'transport close' | 'transport error' | 'parse error' | 'forced close';

  interface SocketEvents {
    connect: () => void;
    connect_error: (error: ConnectError) => void;
    disconnect: (reason: DisconnectReason, details?: TransportError) => void;
  }

  /** What sockets made with `new io.Socket(host, options)` tell besides. */
  interface FirstEvents {
    connecting: (transport: TransportName) => void;
    connect_failed: (error: ConnectError) => void;
    message: (data: any) => void;
  }

  interface ManagerEvents {
    connecting: (transport: TransportName) => void;
    open: () => void;
    error: (error: TransportError) => void;
    ping: () => void;
    close: (reason: DisconnectReason, details?: TransportError) => void;
    reconnect_attempt: (attempt: number) => void;
    reconnect: (attempt: number) => void;
    reconnect_error: (error: TransportError) => void;
    reconnect_failed: () => void;
  }

  interface EngineEvents {
    upgrade: (transport: Transport) => void;
    close: (reason: DisconnectReason, details?: TransportError) => void;
  }

  type Arguments<Map, Name extends keyof Map> =
    Map[Name] extends (...args: infer Args) => any ? Args : never;
  type Head<Args extends any[]> = Args extends [...infer Rest, any] ? Rest : any[];
  type Answer<Args extends any[]> =
    Args extends [...any[], (value: infer Value, ...more: any[]) => any] ? Value : any;
  type Timed<Map> = {
    [Name in keyof Map]: Map[Name] extends (...args: infer Args) => any
      ? (...args: TimedArguments<Args>) => void : never;
  };
  type TimedArguments<Args extends any[]> =
    Args extends [...infer Rest, (...values: infer Values) => any]
      ? [...Rest, (error: Error | null, ...values: Values) => void] : Args;

  class Emitter<Listen> {
    on<Name extends keyof Listen>(event: Name, listener: Listen[Name]): this;
    once<Name extends keyof Listen>(event: Name, listener: Listen[Name]): this;
    /** Takes a listener off an event once, or all that it has, or every listener there is. */
    off<Name extends keyof Listen>(event?: Name, listener?: Listen[Name]): this;
    listeners<Name extends keyof Listen>(event: Name): Listen[Name][];
    hasListeners<Name extends keyof Listen>(event: Name): boolean;
    /** As on(), ahead of the listeners there are. */
    prepend<Name extends keyof Listen>(event: Name, listener: Listen[Name]): this;
    addEventListener: this['on'];
    addEvent: this['on'];
    removeListener: this['off'];
    removeAllListeners: this['off'];
    removeEventListener: this['off'];
    removeEvent: this['off'];
  }

  interface Transport {
    readonly name: TransportName;
  }

  /** One connection. */
  interface Engine extends Emitter<EngineEvents> {
    readonly id: string | null;
    readonly readyState: 'opening' | 'open' | 'closed';
    readonly transport: Transport | null;
    close(): void;
  }

  /** One connection shared by namespaces, made again when it is lost. */
  class Manager extends Emitter<ManagerEvents> {
    constructor(origin: string, options?: ManagerOptions);
    readonly engine: Engine | null;
    /** What is changed here counts from the next attempt on. */
    readonly opts: Options;
    socket<Listen extends Events = AnyEvents, Emit extends Events = Listen>(
      namespace: string, options?: SocketOptions): Socket<Listen, Emit>;
    open(callback?: (error?: TransportError) => void): this;
    connect: this['open'];
    /** Closes the connection of every namespace, and stays closed. */
    disconnect(): void;
    timeout(): number | false;
    timeout(ms: number | false): this;
    reconnection(): boolean;
    reconnection(value: boolean): this;
    reconnectionAttempts(): number;
    reconnectionAttempts(count: number): this;
    reconnectionDelay(): number;
    reconnectionDelay(ms: number): this;
    reconnectionDelayMax(): number;
    reconnectionDelayMax(ms: number): this;
    randomizationFactor(): number;
    randomizationFactor(share: number): this;
  }

  /** One namespace; `Sent` is what emit() takes, which timeout() changes. */
  class Socket<Listen extends Events = AnyEvents, Emit extends Events = Listen, Sent = Emit>
    extends Emitter<Listen & SocketEvents> {
    /** The API of 2010; it connects when told to. */
    constructor(host?: string, options?: FirstOptions);
    constructor(manager: Manager, namespace: string, options?: SocketOptions);
    readonly io: Manager;
    readonly nsp: string;
    /** The server's name for this connection, while there is one. */
    readonly id: string | undefined;
    readonly connected: boolean;
    readonly disconnected: boolean;
    /** Connected, or trying to be. */
    readonly active: boolean;
    /** The server has restored the state of before, and sent what was missed. */
    readonly recovered: boolean;
    auth: SocketOptions['auth'];
    sendBuffer: unknown[];
    receiveBuffer: unknown[];
    connect(): this;
    open(): this;
    disconnect(): this;
    close(): this;
    /** Sends an event; a function as the last argument is called with the server's answer. */
    emit<Name extends keyof Sent & (string | number)>(
      event: Name, ...args: Arguments<Sent, Name>): this;
    /** As emit, and returns a promise of the answer; rejected if the connection is lost. */
    emitWithAck<Name extends keyof Emit & (string | number)>(
      event: Name, ...args: Head<Arguments<Emit, Name>>): Promise<Answer<Arguments<Emit, Name>>>;
    /** Sends a 'message' event. */
    send(...args: any[]): this;
    /** Send the next event only if it can go out at once. */
    readonly volatile: this;
    /** The next event's callback takes (error, ...values) and is called within `ms`. */
    timeout(ms: number): Socket<Listen, Emit, Timed<Emit>>;
    /** Accepted for the sake of other clients: browsers decide on compression themselves. */
    compress(value: boolean): this;
    onAny(listener: (event: string, ...args: any[]) => void): this;
    prependAny(listener: (event: string, ...args: any[]) => void): this;
    offAny(listener?: (event: string, ...args: any[]) => void): this;
    listenersAny(): ((event: string, ...args: any[]) => void)[];
    onAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
    prependAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
    offAnyOutgoing(listener?: (event: string, ...args: any[]) => void): this;
    listenersAnyOutgoing(): ((event: string, ...args: any[]) => void)[];
  }
}
