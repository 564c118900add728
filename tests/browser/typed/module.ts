// A module that imports the client: what must compile.
import io, {connect, io as named, Manager, protocol, Socket} from '../../../static/geventio.esm.js';
import type {ConnectError, Options, TransportError} from '../../../static/geventio.esm.js';

const options: Options = {autoConnect: false};
const sockets: Socket[] = [io(options), named('/a', options), connect('/b'), io.connect()];
sockets.push(new Manager('https://example.com').socket('/c'));

sockets[0].on('connect_error', (error: ConnectError) => console.log(error.data));
sockets[0].io.on('error', (error: TransportError) => console.log(error.message, protocol));
