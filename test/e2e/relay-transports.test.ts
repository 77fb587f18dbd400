import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lanCertificate } from '../../scripts/lib/authority.ts';
import { waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const folder = mkdtempSync(join(tmpdir(), 'parley-relay-tls-'));
const certFile = join(folder, 'relay.crt');
const keyFile = join(folder, 'relay.key');
const issued = await lanCertificate(join(folder, 'authority'), []);
writeFileSync(certFile, issued.certificate);
writeFileSync(keyFile, issued.key);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['tcp', 'tls'] as const)('a relay reached over %s', (transport) => {
  const stage = useStage({ relayTransports: [transport], relayTls: { certFile, keyFile } }, [
    // The test's authority is in no store. What is under test is that TURN over TLS works, not whom Chromium trusts.
    '--ignore-certificate-errors',
  ]);

  it('carries a call', async () => {
    const [alice, bob] = await stage.meet(['Alice', 'Bob'], { relayOnly: true });
    for (const link of [...(await alice.links()), ...(await bob.links())]) {
      expect([link.localType, link.remoteType, link.relayProtocol]).toEqual(['relay', 'relay', transport]);
    }
  });
});

describe('relay on one side only', () => {
  const stage = useStage({ relayTransports: ['udp', 'tcp'] });

  it('carries a call, as the relay reaches members of the room', async () => {
    const url = stage.invitation();
    const alice = await stage.join(url, 'Alice', { relayOnly: true });
    const bob = await stage.join(url, 'Bob');
    await waitForMedia([alice, bob], 1);
    // ICE may begin with TCP, and goes over to UDP once that answers.
    await expect
      .poll(async () =>
        (await alice.links()).map(({ localType, relayProtocol }) => [localType, relayProtocol]),
      )
      .toEqual([['relay', 'udp']]);
  });
});
