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
    const url = stage.invitation();
    const alice = await stage.open(url, 'Alice');
    await alice.join({ relayOnly: true });
    const bob = await stage.open(url, 'Bob');
    await bob.join({ relayOnly: true });
    await waitForMedia([alice, bob], 1);
    for (const link of [...(await alice.links()), ...(await bob.links())]) {
      expect([link.localType, link.remoteType, link.relayProtocol]).toEqual(['relay', 'relay', transport]);
    }
  });
});

describe('relay on one side only', () => {
  const stage = useStage({ relayTransports: ['udp', 'tcp'] });

  it('carries a call, as the relay reaches members of the room', async () => {
    const url = stage.invitation();
    const alice = await stage.open(url, 'Alice');
    await alice.join({ relayOnly: true });
    const bob = await stage.open(url, 'Bob');
    await bob.join();
    await waitForMedia([alice, bob], 1);
    const [link] = await alice.links();
    expect([link?.localType, link?.relayProtocol]).toEqual(['relay', 'udp']);
  });
});
