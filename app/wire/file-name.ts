/**
 * Names of files from outside, fit to stand on a screen and in any file system. Owns the rules; knows no frame and no
 * storage.
 */
import { cleanText } from './hello.ts';

/** In code points. File systems take 255 bytes; four bytes are the most that UTF-8 needs for one. */
const MAX_NAME_CHARACTERS = 60;
const MAX_EXTENSION_CHARACTERS = 12;
/** What Windows refuses in names, separators of every system among them. */
const REFUSED_CHARACTERS = /[<>:"/\\|?*]/gu;
/** Devices of Windows, whatever follows their first dot (Win32, "Naming Files, Paths, and Namespaces"). */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?=$|\.)/iu;

/**
 * `name` as one segment of a path: no separator, control, bidirectional or invisible character, no leading or trailing
 * dot or space, no device, at most 60 characters with the extension kept. Never empty. Idempotent.
 */
export function cleanFileName(name: string): string {
  // Twice what is kept, so that the extension of a long name is still there to be kept.
  const visible = trimDots(cleanText(name, 512).replace(REFUSED_CHARACTERS, '_'));
  const short = trimDots(shorten(visible));
  const safe = DEVICE.test(short) ? trimDots(shorten(`_${short}`)) : short;
  return safe === '' ? 'file' : safe;
}

/** A relative path, cleaned segment by segment: nothing in it leads upwards or to a root. */
export function cleanRelativePath(path: string): string {
  return path
    .split(/[/\\]/u)
    .filter((segment) => segment.replace(/[. ]/gu, '') !== '')
    .map(cleanFileName)
    .join('/');
}

function trimDots(name: string): string {
  return name.replace(/^[. ]+|[. ]+$/gu, '');
}

function shorten(name: string): string {
  const characters = [...name];
  if (characters.length <= MAX_NAME_CHARACTERS) return name;
  const dot = characters.lastIndexOf('.');
  const extension =
    dot > 0 && characters.length - dot <= MAX_EXTENSION_CHARACTERS ? characters.slice(dot) : [];
  return [...characters.slice(0, MAX_NAME_CHARACTERS - extension.length), ...extension].join('');
}
