/** What surrounds the room: the client's files and headers, deadlines that shrink, and the deployment. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startWorker } from '../fixtures/miniflare.ts';
import { RoomClient } from './room-client.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the Worker', () => {
  it('serves the client with strict headers', async () => {
    const worker = await startWorker();
    try {
      const page = await fetch(`${worker.url}/`);
      expect(page.status).toBe(200);
      const policy = page.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("connect-src 'self';");
      expect(policy).not.toContain('unsafe');
      expect(page.headers.get('permissions-policy')).toContain('camera=(self)');
      expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
      expect(page.headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('strict-transport-security')).toContain('max-age=');
      expect(page.headers.get('cache-control')).toBe('no-cache');
      const asset = await fetch(`${worker.url}/assets/index-0a1b2c3d.js`);
      expect(asset.headers.get('cache-control')).toContain('immutable');
      const unknown = await fetch(`${worker.url}/nowhere`);
      expect(unknown.status).toBe(404);
      expect(unknown.headers.get('content-security-policy')).toBe(policy);
    } finally {
      await worker.close();
    }
  });

  it('serves the same page at /about, and nothing near it', async () => {
    const worker = await startWorker();
    try {
      const home = await fetch(`${worker.url}/`);
      const about = await fetch(`${worker.url}/about`);
      expect(about.status).toBe(200);
      expect(await about.text()).toBe(await home.text());
      const headers = (response: Response) =>
        [...response.headers].filter(([name]) => !['date', 'connection', 'transfer-encoding'].includes(name));
      expect(headers(about)).toEqual(headers(home));
      expect(about.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(about.headers.get('cache-control')).toBe('no-cache');

      const head = await fetch(`${worker.url}/about`, { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(await head.text()).toBe('');
      expect(headers(head)).toEqual(headers(home));
      const known = await fetch(`${worker.url}/about`, {
        headers: { 'if-none-match': about.headers.get('etag') ?? '' },
      });
      expect(known.status).toBe(304);
      expect((await fetch(`${worker.url}/about?from=home`)).status).toBe(200);

      for (const method of ['POST', 'PUT', 'DELETE']) {
        expect((await fetch(`${worker.url}/about`, { method })).status).toBe(404);
      }
      for (const path of ['/about/', '/about/us', '/About', '/about.html', '/aboutx']) {
        const unknown = await fetch(`${worker.url}${path}`);
        expect([path, unknown.status]).toEqual([path, 404]);
        expect(unknown.headers.get('content-security-policy')).toContain("default-src 'none'");
      }
    } finally {
      await worker.close();
    }
  });

  it('answers 500 at the upgrade when a variable is bad', async () => {
    const worker = await startWorker({ bindings: { ROOM_CAPACITY: 'many' } });
    try {
      expect((await fetch(`${worker.url}/room`)).status).toBe(500);
    } finally {
      await worker.close();
    }
  });

  // These two spend their time waiting.
  it('[D1] [D2] ends sockets that do not join and members that vanished, across an eviction', {
    concurrent: true,
  }, async () => {
    const worker = await startWorker({ entry: 'test/fixtures/worker-limits.ts' });
    const room = randomBytes(16).toString('base64url');
    const alice = await RoomClient.open(worker.url, room);
    const alive = setInterval(() => alice.send('ping'), 200);
    try {
      await alice.join('alice-hello1');
      const bob = await RoomClient.open(worker.url, room);
      await bob.join('bob-hello123');
      const idle = await RoomClient.open(worker.url, room);
      await fetch(`${worker.url}/limits?joinDeadlineMs=400&staleMs=10000`);
      await worker.evict(room);
      expect((await idle.closed).code).toBe(4008);
      expect((await bob.closed).code).toBe(4008);
      await alice.until(() => alice.heard.some(({ kind }) => kind === 'peer-left'));
    } finally {
      clearInterval(alive);
      alice.end();
      await worker.close();
    }
  });

  it('[D2] keeps whoever pings when its alarm is what wakes it', { concurrent: true }, async () => {
    const worker = await startWorker({ entry: 'test/fixtures/worker-limits.ts' });
    const room = randomBytes(16).toString('base64url');
    // No deadline of a join is what wakes it first.
    await fetch(`${worker.url}/limits?joinDeadlineMs=60000&staleMs=10000`);
    const alice = await RoomClient.open(worker.url, room);
    const alive = setInterval(() => alice.send('ping'), 200);
    try {
      await alice.join('alice-hello1');
      const bob = await RoomClient.open(worker.url, room);
      await bob.join('bob-hello123');
      await worker.evict(room);
      expect((await bob.closed).code).toBe(4008);
      await alice.until(() => alice.heard.some(({ kind }) => kind === 'peer-left'));
    } finally {
      clearInterval(alive);
      alice.end();
      await worker.close();
    }
  });

  it('can be deployed', async () => {
    const out = await mkdtemp(join(tmpdir(), 'parley-deploy-'));
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          join(ROOT, 'node_modules/wrangler/bin/wrangler.js'),
          'deploy',
          '--dry-run',
          '--outdir',
          out,
          '--assets',
          join(ROOT, 'test/fixtures/assets'),
        ],
        {
          cwd: ROOT,
          env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', CI: '1' },
        },
      );
      expect(stdout).toContain('ParleyRoom');
    } finally {
      await rm(out, { recursive: true });
    }
  });
});
