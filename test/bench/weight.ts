/**
 * Section `weight`: what a browser with an empty cache fetches to get from the link into the call. Owns the counting
 * of requests and of compressed bytes; reads the built client over HTTP like any browser.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import type { SectionResult } from './figures.ts';
import { invitation, VIEWPORT } from './people.ts';

const TARGET_SCRIPT_KB = 60;
const TARGET_REQUESTS = 6;

const ASSETS = join(import.meta.dirname, '../../dist/client/assets');

/** Every script that a call can come to fetch, its parts for later included; all but that of the page on how it works. */
function scriptsOfACall(): number {
  return readdirSync(ASSETS)
    .filter((name) => name.endsWith('.js') && !name.startsWith('about-'))
    .reduce((sum, name) => sum + gzippedKb(readFileSync(join(ASSETS, name))), 0);
}

/** Kilobytes of 1000 bytes, compressed as a server would once, at deployment. */
function gzippedKb(bytes: Buffer): number {
  return gzipSync(bytes, { level: 9 }).byteLength / 1000;
}

export async function measureWeight(browser: Browser, origin: string): Promise<SectionResult> {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    const requests: string[] = [];
    const bodies: Promise<{ type: string; bytes: Buffer }>[] = [];
    page.on('request', (request) => {
      requests.push(new URL(request.url()).pathname);
    });
    page.on('response', (response) => {
      const type = response.request().resourceType();
      bodies.push(response.body().then((bytes) => ({ type, bytes })));
    });
    page.on('websocket', (socket) => {
      requests.push(`${new URL(socket.url()).pathname} (WebSocket)`);
    });
    await page.goto(invitation(origin));
    await page.getByRole('textbox', { name: 'Your name' }).fill('Person');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await page.getByRole('toolbar', { name: 'Call controls' }).waitFor();
    await page.waitForTimeout(1_500);
    // Fetched by browsers with a window, and by those without one never.
    const icon = await page.locator('link[rel=icon]').getAttribute('href');
    if (icon !== null && !requests.includes(icon)) requests.push(icon);

    const fetched = await Promise.all(bodies);
    const kilobytes = (type: string | null) =>
      fetched.reduce(
        (sum, body) => (type === null || body.type === type ? sum + gzippedKb(body.bytes) : sum),
        0,
      );
    return {
      figures: [
        {
          name: 'script until the call screen is up, gzipped',
          unit: 'KB',
          ours: [kilobytes('script')],
          floor: null,
          target: { kind: 'value-at-most', bound: TARGET_SCRIPT_KB },
        },
        {
          name: 'script with all that is fetched later, gzipped',
          unit: 'KB',
          ours: [scriptsOfACall()],
          floor: null,
          target: null,
        },
        {
          name: 'everything fetched, gzipped',
          unit: 'KB',
          ours: [kilobytes(null)],
          floor: null,
          target: null,
        },
        {
          name: 'requests from the link into the call',
          unit: '',
          ours: [requests.length],
          floor: null,
          target: { kind: 'value-at-most', bound: TARGET_REQUESTS },
        },
      ],
      notes: [`Weight: ${requests.join(', ')}.`],
    };
  } finally {
    await context.close();
  }
}
