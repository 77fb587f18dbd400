/** Files and folders that were dropped or chosen, as things to send. Owns the walk through folders. */
import type { Sendable } from '../state/files-model.ts';

/** More files than anybody means to send: a dropped home folder must not hang the page. */
const MAX_FILES = 10_000;

/** All of what was meant, or why none of it: a part of a folder must never pass for the whole. */
export interface Chosen {
  readonly items: readonly Sendable[];
  readonly problem: 'too-many' | 'unreadable' | 'empty' | null;
}

interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** To be called in the task of the drop event: afterwards its items are gone (HTML s6.11.3, the drag data store). */
export async function readDrop(data: DataTransfer): Promise<Chosen> {
  const pending = [...data.items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => {
      const entry = item.webkitGetAsEntry();
      const file = item.getAsFile();
      // With a handle, sending goes on after a reload.
      const handle =
        (item as HandleItem).getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null);
      return { entry, file, handle };
    });
  const found: Sendable[] = [];
  try {
    for (const { entry, file, handle } of pending) {
      if (entry?.isDirectory) await walk(entry, found);
      else if (file) {
        const got = await handle;
        found.push({
          file,
          path: file.name,
          handle: got?.kind === 'file' ? (got as FileSystemFileHandle) : null,
        });
      }
      if (found.length > MAX_FILES) break;
    }
  } catch {
    return { items: [], problem: 'unreadable' };
  }
  return chosen(found);
}

/** Files of an `<input>`, of a folder too. */
export function readInput(files: FileList | null): Chosen {
  return chosen([...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

function chosen(items: readonly Sendable[]): Chosen {
  if (items.length > MAX_FILES) return { items: [], problem: 'too-many' };
  return { items, problem: items.length === 0 ? 'empty' : null };
}

/** Adds the files of a folder to `found`, until they are too many. Rejects when one of them cannot be read. */
async function walk(entry: FileSystemEntry, found: Sendable[]): Promise<void> {
  if (found.length > MAX_FILES) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives some entries at a time, and none at the end (File and Directory Entries API s8.2).
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const one of some) await walk(one, found);
  }
}
