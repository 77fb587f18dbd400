/** What a drop brings, from trees of entries that a browser would make of a disk: all of it, or why none. */
import { expect, it } from 'vitest';
import { readDrop, readInput } from '../../app/ui/dropped-files.ts';

type Tree = { readonly [name: string]: Tree | 'file' | 'unreadable' };

/** A folder's reader gives so many entries at a time. */
const AT_A_TIME = 100;
const error = () => new DOMException('cannot be read', 'NotReadableError');

function entry(name: string, what: Tree | 'file' | 'unreadable', fullPath: string): FileSystemEntry {
  const isFile = typeof what === 'string';
  const made = {
    name,
    fullPath,
    isFile,
    isDirectory: !isFile,
    file(found: (file: File) => void, failed: (error: DOMException) => void) {
      if (what === 'unreadable') failed(error());
      else found(new File(['x'], name));
    },
    createReader() {
      const all = isFile ? [] : Object.entries(what);
      return {
        readEntries(found: (entries: FileSystemEntry[]) => void, failed: (error: DOMException) => void) {
          if (name === 'locked') failed(error());
          else found(all.splice(0, AT_A_TIME).map(([one, inner]) => entry(one, inner, `${fullPath}/${one}`)));
        },
      };
    },
  };
  // Only a browser makes entries, of which these are the members that are read.
  return made as unknown as FileSystemEntry;
}

function drop(tree: Tree): DataTransfer {
  const items = Object.entries(tree).map(([name, what]) => ({
    kind: 'file',
    webkitGetAsEntry: () => entry(name, what, `/${name}`),
    getAsFile: () => new File(['x'], name),
  }));
  return { items } as unknown as DataTransfer;
}

const files = (count: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, 'file'] as const));

it('takes files and whole folders, in whatever portions they come', async () => {
  const { items, problem } = await readDrop(
    drop({ 'a.txt': 'file', Photos: { 'b.jpg': 'file', deep: files(250) } }),
  );
  expect(problem).toBeNull();
  expect(items).toHaveLength(252);
  expect(items.slice(0, 3).map(({ path }) => path)).toEqual(['a.txt', 'Photos/b.jpg', 'Photos/deep/0']);
});

it.each<[string, Tree]>([
  ['unreadable', { Photos: { 'a.jpg': 'file', 'b.jpg': 'unreadable' } }],
  ['unreadable', { Photos: { 'a.jpg': 'file', locked: {} } }],
  ['too-many', { Home: { a: files(6_000), b: files(6_000) } }],
  ['empty', { Photos: { deep: {} } }],
])('takes nothing of what cannot be had whole: %s', async (problem, tree) => {
  expect(await readDrop(drop(tree))).toEqual({ items: [], problem });
});

it('takes what was chosen with its place in the folder', () => {
  const inFolder = Object.defineProperty(new File(['x'], 'b'), 'webkitRelativePath', { value: 'Photos/b' });
  const chosen = readInput([new File(['x'], 'a'), inFolder] as unknown as FileList);
  expect(chosen.items.map(({ path }) => path)).toEqual(['a', 'Photos/b']);
});
