/** Files and folders that were dropped or chosen, as things to send. Owns the walk through folders. */
import type { Sendable } from '../state/files-model.ts';

/** More files than anybody means to send: a dropped home folder must not hang the page. */
const MAX_FILES = 10_000;

interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** To be called in the task of the drop event: afterwards its items are gone (HTML s6.11.3, the drag data store). */
export function readDrop(data: DataTransfer): Promise<readonly Sendable[]> {
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  const pending = items.map((item) => {
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    // With a handle, sending goes on after a reload.
    const handle = (item as HandleItem).getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null);
    return { entry, file, handle };
  });
  return Promise.all(
    pending.map(async ({ entry, file, handle }): Promise<readonly Sendable[]> => {
      if (entry?.isDirectory) return await walk(entry);
      if (!file) return [];
      const got = await handle;
      return [{ file, path: file.name, handle: got?.kind === 'file' ? (got as FileSystemFileHandle) : null }];
    }),
  ).then((lists) => lists.flat().slice(0, MAX_FILES));
}

/** Files of an `<input>`, of a folder too. */
export function readInput(files: FileList | null): readonly Sendable[] {
  return [...(files ?? [])]
    .slice(0, MAX_FILES)
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

async function walk(entry: FileSystemEntry, found: Sendable[] = []): Promise<readonly Sendable[]> {
  if (found.length >= MAX_FILES) return found;
  if (entry.isFile) {
    const file = await new Promise<File | null>((resolve) =>
      (entry as FileSystemFileEntry).file(resolve, () => resolve(null)),
    );
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return found;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives some entries at a time, and none at the end (File and Directory Entries API s8.2).
    const some = await new Promise<FileSystemEntry[]>((resolve) =>
      reader.readEntries(resolve, () => resolve([])),
    );
    if (some.length === 0) return found;
    for (const one of some) await walk(one, found);
  }
}
