/**
 * Finds links in text that others wrote. Owns what counts as one and how it may be shown; makes no elements. Scans once, by
 * indices, so that no text takes long.
 */

export type TextPart =
  | { readonly kind: 'text'; readonly text: string }
  /**
   * Where it leads, normalised: its host is ASCII, so that no letter of it passes for another, and what else is not is
   * escaped. To be shown as `before`, `host` and `after`, which are no other text than that of `href`.
   */
  | {
      readonly kind: 'link';
      readonly href: string;
      readonly before: string;
      readonly host: string;
      readonly after: string;
    };

const SCHEMES = ['https://', 'http://'];
/** What ends a link wherever it stands: white space, quotes, and brackets that addresses have escaped (RFC 3986 s2). */
const ENDS_LINK = /[\s<>"`{}|\\^]/;
/** What ends a sentence rather than an address. */
const TRAILING = new Set(".,;:!?'*…。，、！？）」』”’");
const MAX_LINK_CHARACTERS = 2_048;
/** In one text; the rest stays text. */
const MAX_LINKS = 50;

/** `text` in parts, in order, none of them empty. */
export function linkify(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let links = 0;
  let textFrom = 0;
  let at = 0;
  while (links < MAX_LINKS) {
    at = text.indexOf('://', at);
    if (at < 0) break;
    at += 3;
    const from = startOf(text, at);
    if (from === null || from < textFrom) continue;
    const to = endOf(text, at);
    const link = linkOf(text.slice(from, to));
    if (!link) continue;
    if (from > textFrom) parts.push({ kind: 'text', text: text.slice(textFrom, from) });
    parts.push(link);
    links += 1;
    textFrom = to;
    at = to;
  }
  if (textFrom < text.length) parts.push({ kind: 'text', text: text.slice(textFrom) });
  return parts;
}

/** Where the scheme before `at` begins; null where it is no scheme of ours, or the end of a longer word. */
function startOf(text: string, at: number): number | null {
  const scheme = SCHEMES.find(
    (known) => text.slice(Math.max(0, at - known.length), at).toLowerCase() === known,
  );
  if (!scheme) return null;
  const from = at - scheme.length;
  return /[a-z0-9+.-]/i.test(text.charAt(from - 1)) ? null : from;
}

/** Where the link ends whose scheme ends at `at`. A closing bracket belongs to it only with its opening one. */
function endOf(text: string, at: number): number {
  let to = at;
  let open = 0;
  for (; to < text.length && to - at < MAX_LINK_CHARACTERS; to += 1) {
    const character = text.charAt(to);
    if (ENDS_LINK.test(character)) break;
    if (character === '(') open += 1;
    if (character === ')' && --open < 0) break;
  }
  while (to > at && TRAILING.has(text.charAt(to - 1))) to -= 1;
  return to;
}

function linkOf(text: string): TextPart | null {
  if (!URL.canParse(text)) return null;
  const { href, protocol, host, username, password } = new URL(text);
  // A name before an @ is there to be taken for the host.
  if (host === '' || username !== '' || password !== '') return null;
  const before = `${protocol}//`;
  const after = href.slice(before.length + host.length);
  return { kind: 'link', href, before, host, after: after === '/' ? '' : after };
}
