/**
 * Owns the proof that relayed addresses can be had: without it a relay starts that answers 508 to everybody. Must not know
 * who sets the addresses.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { RelayAddress } from './data-path/directory.ts';

/** No socket can be bound to the address; `cause` is the system's error. */
export class RelayAddressError extends Error {
  override readonly name = 'RelayAddressError';
  readonly code = 'ERELAYADDRESS';
}

/** Rejects with `RelayAddressError` for the first that cannot be bound to. */
export async function proveRelayAddresses(relays: readonly RelayAddress[]): Promise<void> {
  for (const { ip, family } of relays) {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
    try {
      const listening = once(socket, 'listening');
      socket.bind({ address: ip, port: 0, exclusive: true });
      await listening;
    } catch (cause) {
      throw new RelayAddressError(ip, { cause });
    } finally {
      socket.close();
    }
  }
}
