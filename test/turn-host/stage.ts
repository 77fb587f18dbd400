/**
 * What a test of the relay needs around it: a relay, and members who ask it. Afterwards both are closed, and nothing may be
 * left of them: no socket, no allocation.
 */
import { afterEach, expect } from 'vitest';
import { mintCredential } from '../../turn-host/credential.ts';
import { startTurnHost, type TurnHost, type TurnHostHooks } from '../../turn-host/host.ts';
import { type Answer, type Endpoint, TurnClient, udpWire, type Wire } from './client.ts';
import { descriptors } from './descriptors.ts';
import { relayConfig } from './relay-config.ts';

export interface RelayStage {
  readonly relay: TurnHost;
  readonly lines: string[];
  /** Starts the relay of this test. What the test opens besides, it closes itself. */
  start(env?: Record<string, string>, hooks?: TurnHostHooks): Promise<TurnHost>;
  /** A client with a credential that is good for an hour. `name` is a peer id: `<room>.<who>`. */
  member(name: string, wire?: Wire): Promise<TurnClient>;
}

/** Registers the hooks; the returned object may be used inside tests only. */
export function useRelay(): RelayStage {
  let relay: TurnHost | null = null;
  let clients: TurnClient[] = [];
  let lines: string[] = [];
  let descriptorsBefore = 0;
  afterEach(async () => {
    const ended = relay;
    for (const client of clients) {
      client.close();
    }
    clients = [];
    relay = null;
    lines = [];
    if (ended === null) {
      return;
    }
    await ended.close();
    // Fewer where something of before was still closing.
    await expect.poll(descriptors).toBeLessThanOrEqual(descriptorsBefore);
    expect(ended.allocations).toBe(0);
    expect(ended.counted('allocationsReleased')).toBe(ended.counted('allocationsMade'));
  });
  const running = () => {
    if (relay === null) {
      throw new Error('no relay was started');
    }
    return relay;
  };
  return {
    get relay() {
      return running();
    },
    get lines() {
      return lines;
    },
    async start(env = {}, hooks = {}) {
      descriptorsBefore = relay === null ? descriptors() : descriptorsBefore;
      relay = await startTurnHost(relayConfig(env), { log: (line) => lines.push(line), ...hooks });
      return relay;
    },
    async member(name, wire) {
      const minted = await mintCredential('new secret', name, Math.floor(Date.now() / 1000) + 3600);
      const client = new TurnClient(
        wire ?? (await udpWire(running().port)),
        minted.username,
        minted.credential,
      );
      clients.push(client);
      return client;
    },
  };
}

/** CreatePermission and ChannelBind for one peer: what they are answered. */
export async function askForPeer(
  client: TurnClient,
  peer: Endpoint,
  channel = 0x4000,
): Promise<{ permission: Answer; channel: Answer }> {
  return { permission: await client.permit(peer), channel: await client.bindChannel(channel, peer) };
}
