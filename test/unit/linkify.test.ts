/** What counts as a link in a message, and how it is shown. */
import { expect, it } from 'vitest';
import { linkify } from '../../app/ui/linkify.ts';

const links = (text: string) => linkify(text).flatMap((part) => (part.kind === 'link' ? [part.href] : []));

it.each([
  ['see https://a.example/b?c=d#e now', ['https://a.example/b?c=d#e']],
  ['https://a.example', ['https://a.example/']],
  ['HTTPS://A.example/X', ['https://a.example/X']],
  ['two: http://a.example, https://b.example.', ['http://a.example/', 'https://b.example/']],
  ['(https://a.example/x)', ['https://a.example/x']],
  ['https://a.example/x_(y)', ['https://a.example/x_(y)']],
  ['(see https://a.example/x_(y)).', ['https://a.example/x_(y)']],
  ['"https://a.example/x"', ['https://a.example/x']],
  ['<https://a.example/x>', ['https://a.example/x']],
  ['https://a.example/x!?', ['https://a.example/x']],
  ['line\nhttps://a.example/\nline', ['https://a.example/']],
  ['https://a.example/é', ['https://a.example/%C3%A9']],
  ['http://[::1]:8080/x', ['http://[::1]:8080/x']],
  ['http://127.0.0.1:8787/x', ['http://127.0.0.1:8787/x']],
])('finds the links of %j', (text, found) => {
  expect(links(text)).toEqual(found);
});

it.each([
  'javascript:alert(1)',
  'javascript://a.example/%0aalert(1)',
  'data:text/html,<b>x</b>',
  'ftp://a.example/',
  'xhttps://a.example/',
  'https://',
  'https:// a.example',
  'https://bank.example@evil.example/',
  'https://user:password@a.example/',
  'https://%zz/',
  '://',
])('leaves %j text', (text) => {
  expect(linkify(text)).toEqual([{ kind: 'text', text }]);
});

it('shows a host in letters that pass for no others, and escapes what would turn the line', () => {
  const [part] = linkify('https://p\u0430ypal.example/\u05e9\u05dc');
  expect(part).toEqual({
    kind: 'link',
    href: 'https://xn--pypal-4ve.example/%D7%A9%D7%9C',
    before: 'https://',
    host: 'xn--pypal-4ve.example',
    after: '/%D7%A9%D7%9C',
  });
});

it('loses no text but what a link shows otherwise', () => {
  const text = 'a https://b.example/c, (http://d.example) e://f https://g@h https://i.example';
  const joined = linkify(text)
    .map((part) => (part.kind === 'text' ? part.text : part.before + part.host + part.after))
    .join('');
  expect(joined).toBe(text);
});

it.each([
  ['schemes', 'https://'.repeat(2_000)],
  ['links', 'https://a.example/ '.repeat(900)],
  ['brackets', `https://a.example/${'('.repeat(8_000)}`],
  ['trailing points', `https://a.example/${'.'.repeat(8_000)}`],
  ['slashes', '://'.repeat(5_000)],
])('takes no more time for many %s than their length warrants', (_what, text) => {
  const once = (work: () => void) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const long = text.repeat(8);
  const [atOnce, inParts] = [[], []] as [number[], number[]];
  // As much work in turn, so that what else the machine does falls on both.
  for (let round = 0; round < 5; round += 1) {
    inParts.push(once(() => Array.from({ length: 8 }, () => linkify(text))));
    atOnce.push(once(() => linkify(long)));
  }
  // Quadratic time would be a factor of 8; the rest is what a machine that does something else adds.
  expect(Math.min(...atOnce)).toBeLessThan(3 * Math.min(...inParts) + 5);
  expect(links(text).length).toBeLessThanOrEqual(50);
});
