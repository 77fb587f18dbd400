/** A program of its own: starts a relay, makes an allocation, stops. It ends by itself only if nothing is left behind. */
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost } from '../../turn-host/host.ts';
import { openClient } from './client.ts';

const host = await startTurnHost({
  secrets: ['a secret'],
  port: 0,
  listenAddress: '127.0.0.1',
  relayAddress: '127.0.0.1',
  minPort: 49152,
  maxPort: 65535,
  realm: 'parley',
  peerPolicy: 'public',
});
const minted = await mintCredential('a secret', 'peer', 9_999_999_999);
const client = await openClient(host.port, minted.username, minted.credential);
await client.allocate();
client.close();
await host.close();
await host.close();
process.stdout.write('stopped\n');
