/**
 * A program of its own: node-turn 0.0.6 as shipped, on the loopback UDP port given as its one argument, for the user
 * `peer` with the password `secret`. Ends when its standard input does.
 */
import { createRequire } from 'node:module';

interface BareServer {
  start(): void;
  readonly network: { readonly sockets: readonly NodeJS.EventEmitter[] };
}

const requireOfRelay = createRequire(new URL('../../turn-host/package.json', import.meta.url));
const Server: new (config: object) => BareServer = requireOfRelay('node-turn');
const server = new Server({
  listeningIps: ['127.0.0.1'],
  listeningPort: Number(process.argv[2]),
  relayIps: ['127.0.0.1'],
  authMech: 'long-term',
  realm: 'parley',
  credentials: { peer: 'secret' },
  debugLevel: 'OFF',
});
server.start();
server.network.sockets[0]?.once('listening', () => process.stdout.write('listening\n'));
process.stdin.on('end', () => process.exit(0)).resume();
