/**
 * Takes the screenshots that README shows: `npm run screenshots`, or with the beginnings of names for some of them. Owns what
 * is on each; the screens are the client's own, over the fixture of a call, so that a picture is the same each time.
 */
import { chromium, type Page } from 'playwright-core';
import { createServer } from 'vite';
import solid from 'vite-plugin-solid';
import { ensureChromium } from './lib/chromium.ts';
import { projectRoot } from './lib/start-parley.ts';

const SIZES = {
  phone: { width: 390, height: 844 },
  wide: { width: 1280, height: 800 },
  large: { width: 2560, height: 1440 },
} as const;

interface Shot {
  /** `what-size-scheme`, the file's name. */
  readonly name: `${string}-${keyof typeof SIZES}-${'dark' | 'light'}`;
  /** Of the fixture; null for the home screen. */
  readonly query: string | null;
  readonly to: (page: Page) => Promise<void>;
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

async function home(page: Page): Promise<void> {
  await button(page, 'Start a call').waitFor();
}

async function lobby(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill('Amina');
  await page.locator('video').waitFor();
}

async function call(page: Page): Promise<void> {
  await lobby(page);
  await button(page, 'Join').click();
  await page.getByRole('toolbar', { name: 'Call controls' }).waitFor();
}

async function alone(page: Page): Promise<void> {
  await call(page);
  await page.getByRole('img', { name: 'QR code of the link' }).waitFor();
}

const panel =
  (name: 'Chat' | 'People') =>
  async (page: Page): Promise<void> => {
    await call(page);
    if (!(await button(page, name).isVisible())) await button(page, 'More').click();
    await button(page, name).click();
    await page.getByText('One moment').waitFor({ state: 'detached' });
  };

async function about(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'How it works', level: 1 }).waitFor();
}

const SHOTS: readonly Shot[] = [
  { name: 'home-wide-light', query: null, to: home },
  { name: 'lobby-wide-dark', query: '', to: lobby },
  { name: 'alone-phone-light', query: '', to: alone },
  { name: 'two-people-large-dark', query: 'people=1', to: call },
  { name: 'four-people-wide-light', query: 'people=3', to: call },
  { name: 'six-people-wide-dark', query: 'people=5', to: call },
  { name: 'six-people-phone-light', query: 'people=5', to: call },
  { name: 'screen-wide-light', query: 'people=3&screens=1&pointers', to: call },
  { name: 'people-phone-dark', query: 'people=4&gestures', to: panel('People') },
  { name: 'chat-wide-dark', query: 'people=3&chat=talk', to: panel('Chat') },
  { name: 'chat-phone-light', query: 'people=3&chat=talk', to: panel('Chat') },
  { name: 'about-wide-light', query: 'about', to: about },
  { name: 'about-phone-dark', query: 'about', to: about },
];

const INVITATION = '#9fQ2mLx0TzVb7cKp1sWd4w';
/** What comes by itself has come, and what is said in passing has passed, by then. */
const SETTLE_MS = 8_000;
const RETURN_MS = 500;

async function take(url: string, { name, query, to }: Shot): Promise<void> {
  const [size = 'wide', colorScheme] = name.split('-').slice(-2) as [keyof typeof SIZES, 'dark' | 'light'];
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme,
    hasTouch: size === 'phone',
    locale: 'en-GB',
  });
  const page = await context.newPage();
  const invited = query !== null && query !== 'about';
  await page.goto(`${url}?show&${query ?? ''}${invited ? INVITATION : ''}`);
  await to(page);
  await page.waitForTimeout(SETTLE_MS);
  // On a screen that is touched the bar has made way meanwhile.
  await page.keyboard.press('Shift');
  await page.waitForTimeout(RETURN_MS);
  await page.screenshot({ path: `${projectRoot}/docs/screenshots/${name}.png` });
  await context.close();
  process.stdout.write(`${name}\n`);
}

const found = await ensureChromium();
if (found.status === 'missing') throw new Error(found.sentence);
const server = await createServer({
  configFile: false,
  root: `${projectRoot}/test/fixtures/ui-fixture`,
  plugins: [solid()],
  logLevel: 'error',
  server: { host: '127.0.0.1', fs: { allow: [projectRoot] } },
});
await server.listen();
const browser = await chromium.launch({
  executablePath: found.path,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const wanted = process.argv.slice(2);
  const url = server.resolvedUrls?.local[0] ?? '';
  for (const shot of SHOTS)
    if (wanted.length === 0 || wanted.some((start) => shot.name.startsWith(start))) await take(url, shot);
} finally {
  await browser.close();
  await server.close();
}
