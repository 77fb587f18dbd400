/** A program of its own: starts a relay, makes an allocation, stops. It ends by itself only if nothing is left behind. */
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost } from '../../turn-host/host.ts';
import { openClient } from './client.ts';
import { relayConfig } from './relay-config.ts';

const host = await startTurnHost(relayConfig());
const minted = await mintCredential('new secret', 'peer', 9_999_999_999);
const client = await openClient(host.port, minted.username, minted.credential);
await client.allocate();
client.close();
await host.close();
await host.close();
process.stdout.write('stopped\n');
