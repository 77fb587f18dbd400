/**
 * A program of its own: node-turn 0.0.6 as shipped, on the loopback UDP port given as its one argument, for the user
 * `peer` with the password `secret`. Ends when its standard input does.
 *
 * A line there is an order, and answered by a line: `later 600000` puts the clock on by milliseconds, `forget` takes the
 * credential away, `stop` stops the server and tells, in JSON, what of Node still holds the process.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

interface BareServer {
  start(): void;
  stop(): void;
  removeUser(username: string): void;
  readonly network: { readonly sockets: readonly NodeJS.EventEmitter[] };
}

/** Long enough for what was closed to be gone. */
const CLOSING_MS = 50;

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
// node-turn itself says nothing of a port that is taken.
server.network.sockets[0]
  ?.once('listening', () => process.stdout.write('listening\n'))
  .once('error', () => process.exit(1));

async function obey(order: string): Promise<string> {
  const [verb, value] = order.split(' ');
  if (verb === 'later') {
    const { now } = Date;
    Date.now = () => now() + Number(value);
  } else if (verb === 'forget') {
    server.removeUser('peer');
  } else if (verb === 'stop') {
    server.stop();
    await sleep(CLOSING_MS);
    return JSON.stringify(process.getActiveResourcesInfo());
  }
  return 'done';
}

createInterface(process.stdin)
  .on('line', (order) => void obey(order).then((answer) => process.stdout.write(`${answer}\n`)))
  .on('close', () => process.exit(0));
