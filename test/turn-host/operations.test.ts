/** What an operator relies on: workers that are one relay, metrics, health, draining, logs without addresses. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Attr, encode, Type, udpTransport, uint32 } from './client.ts';
import { useRelay } from './stage.ts';

const stage = useRelay();

async function scrape(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${stage.relay.metricsPort}${path}`);
  return { status: response.status, body: await response.text() };
}

describe('several workers', () => {
  it('are one relay: members meet across them, strangers do not, quotas hold in all', async () => {
    await stage.start({ TURN_WORKERS: '3', TURN_PEER_POLICY: 'room', TURN_MAX_PER_ROOM: '12' });
    const red = await Promise.all(Array.from({ length: 12 }, (_, index) => stage.member(`red.${index}`)));
    const at = await Promise.all(red.map((one) => one.allocate()));
    const blue = await stage.member('blue.one');
    const atBlue = await blue.allocate();
    await expect((await stage.member('red.late')).allocate()).rejects.toThrow('486');
    for (const [index, one] of red.entries()) {
      const next = (index + 1) % red.length;
      const [peer, target] = [at[next], red[next]];
      if (peer === undefined || target === undefined) {
        throw new Error('no neighbour');
      }
      expect((await one.permit(peer)).errorCode).toBe(0);
      expect((await target.permit(at[index] ?? peer)).errorCode).toBe(0);
      one.send(peer, uint32(index));
      expect(await target.nextData()).toEqual({ peer: at[index], data: uint32(index) });
      expect((await one.permit(atBlue)).errorCode).toBe(403);
    }
    const hopped = stage.relay.counted('packetsHopped');
    expect(stage.relay.counted('packetsToClients')).toBe(12);
    expect(hopped).toBeLessThan(12);
    await Promise.all(red.map((one) => one.request(Type.refresh, [[Attr.lifetime, uint32(0)]])));
    await expect.poll(() => stage.relay.allocations).toBe(1);
    await (await stage.member('red.again')).allocate();
  });

  it('keep a port in reserve for each other', async () => {
    await stage.start({ TURN_WORKERS: '2' });
    const one = await stage.member('red.one');
    await one.challenge();
    const answer = await one.request(Type.allocate, [udpTransport, [Attr.evenPort, Buffer.from([0x80])]]);
    const token = answer.attributes.get(Attr.reservationToken) ?? Buffer.alloc(8);
    const two = await stage.member('red.one');
    const relayed = await two.allocate([[Attr.reservationToken, token]]);
    expect(relayed.port % 2).toBe(1);
  });

  it('reject together when a port is taken', async () => {
    const { port } = await stage.start();
    const { startTurnHost } = await import('../../turn-host/host.ts');
    const { relayConfig } = await import('./relay-config.ts');
    const config = relayConfig({ TURN_WORKERS: '2', TURN_PORT: String(port) });
    await expect(startTurnHost(config)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('metrics and health', () => {
  it('count what happens, and hold no address, user or room', async () => {
    await stage.start({ TURN_METRICS_PORT: '0', TURN_PEER_POLICY: 'room' });
    const [one, two] = [await stage.member('red.one'), await stage.member('red.two')];
    const [at1, at2] = [await one.allocate(), await two.allocate()];
    await one.permit(at2);
    await two.permit(at1);
    one.send(at2, Buffer.alloc(100));
    await two.nextData();
    await one.permit({ ip: '8.8.8.8', port: 53 });
    one.sendRaw(randomBytes(40).fill(0x80, 0, 1));
    await one.exchange(encode(Type.binding, randomBytes(12), []));
    const { status, body } = await scrape('/metrics');
    expect(status).toBe(200);
    for (const line of [
      'parley_relay_allocations 2',
      'parley_relay_allocations_made_total 2',
      'parley_relay_packets_total{direction="from_client"} 1',
      'parley_relay_bytes_total{direction="to_client"} 100',
      'parley_relay_hop_packets_total 1',
      'parley_relay_refusals_total{code="403"} 1',
      'parley_relay_dropped_total{reason="no_stun"} 1',
      'parley_relay_draining 0',
    ]) {
      expect(body.split('\n')).toContain(line);
    }
    expect(body).not.toMatch(/127\.0|8\.8|red|one/);
    expect([await scrape('/health'), (await scrape('/')).status]).toEqual([
      { status: 200, body: 'ok\n' },
      404,
    ]);
  });
});

it('drains: calls go on, none is added, health says so, and it is over with the last', async () => {
  await stage.start({ TURN_METRICS_PORT: '0', TURN_DRAIN_SECONDS: '600', TURN_PEER_POLICY: 'room' });
  const [one, two] = [await stage.member('red.one'), await stage.member('red.two')];
  const [at1, at2] = [await one.allocate(), await two.allocate()];
  await one.permit(at2);
  await two.permit(at1);
  let isDrained = false;
  const drained = stage.relay.drain().then(() => {
    isDrained = true;
  });
  await expect((await stage.member('red.late')).allocate()).rejects.toThrow('508');
  expect((await scrape('/health')).status).toBe(503);
  one.send(at2, Buffer.from('going on'));
  expect((await two.nextData())?.data.toString()).toBe('going on');
  expect((await one.request(Type.refresh, [])).errorCode).toBe(0);
  for (const each of [one, two]) {
    expect(isDrained).toBe(false);
    await each.request(Type.refresh, [[Attr.lifetime, uint32(0)]]);
  }
  await drained;
});

it('says one line for an event, with addresses only at debug', async () => {
  for (const level of ['info', 'debug']) {
    const host = await stage.start({ TURN_LOG: level });
    const before = stage.lines.length;
    await (await stage.member('red.one')).allocate();
    const [line = ''] = stage.lines.slice(before);
    expect(line).toMatch(
      level === 'info' ? /^allocation made, 1 in use$/ : /^allocation made, 1 in use 127\.0\.0\.1:/,
    );
    expect(line).not.toContain('red');
    await host.close();
  }
});
