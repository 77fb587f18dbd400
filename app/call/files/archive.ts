/**
 * Many files as one: a ZIP archive whose parts stay where they are on the disk (APPNOTE 6.3, stored, ZIP64). Owns the
 * layout; reads each file once for its checksum and holds none of it.
 */

export interface ArchiveEntry {
  /** Clean, relative, with forward slashes. */
  readonly path: string;
  readonly file: Blob;
  readonly modifiedMs: number;
}

const READ_BYTES = 1024 * 1024;
const MAX_32 = 0xffff_ffff;
/** General purpose bit 11: names are UTF-8. */
const UTF8_NAMES = 0x0800;
const VERSION_ZIP64 = 45;
const ZIP64_EXTRA = 1;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 as ZIP has it (ISO 3309), continued from `crc`. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let value = ~crc;
  for (let at = 0; at < bytes.length; at += 1)
    value = (CRC_TABLE[(value ^ (bytes[at] ?? 0)) & 255] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

/** Rejects when a file cannot be read, or `signal` ends it. Paths that occur twice are numbered. */
export async function createArchive(
  entries: readonly ArchiveEntry[],
  progress: (doneBytes: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Blob> {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  const unique = createNumbering();
  let offset = 0;
  let doneBytes = 0;
  const read = (bytes: number) => {
    signal?.throwIfAborted();
    doneBytes += bytes;
    progress(doneBytes);
  };
  for (const { path, file, modifiedMs } of entries) {
    const name = new TextEncoder().encode(unique(path));
    const common = { name, crc: await checksum(file, read), size: file.size, time: dosTime(modifiedMs) };
    const head = localHeader(common);
    parts.push(head, file);
    directory.push(centralHeader({ ...common, offset }));
    offset += head.length + file.size;
  }
  const central = new Blob(directory);
  return new Blob([...parts, central, ending(entries.length, central.size, offset)], {
    type: 'application/zip',
  });
}

/** Gives each path once, and to those after it a number that none has. */
function createNumbering(): (path: string) => string {
  const used = new Set<string>();
  const copies = new Map<string, number>();
  return (path) => {
    let name = path;
    while (used.has(name)) {
      const copy = (copies.get(path) ?? 1) + 1;
      copies.set(path, copy);
      name = path.replace(/(\.[^./]*)?$/, (dot) => ` (${copy})${dot}`);
    }
    used.add(name);
    return name;
  };
}

async function checksum(file: Blob, read: (bytes: number) => void): Promise<number> {
  let crc = 0;
  for (let at = 0; at < file.size; at += READ_BYTES) {
    const bytes = new Uint8Array(await file.slice(at, at + READ_BYTES).arrayBuffer());
    crc = crc32(bytes, crc);
    read(bytes.length);
  }
  return crc;
}

/** Little-endian fields, each [bytes, value]. */
function fields(...list: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(list.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of list) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

interface Entry {
  readonly name: Uint8Array<ArrayBuffer>;
  readonly crc: number;
  readonly size: number;
  readonly time: readonly [time: number, date: number];
}

function localHeader({ name, crc, size, time }: Entry): Uint8Array<ArrayBuffer> {
  const large = size >= MAX_32;
  const extra = large ? fields([2, ZIP64_EXTRA], [2, 16], [8, size], [8, size]) : new Uint8Array();
  const shown = large ? MAX_32 : size;
  return concat(
    fields(
      [4, 0x04034b50],
      [2, large ? VERSION_ZIP64 : 20],
      [2, UTF8_NAMES],
      [2, 0],
      [2, time[0]],
      [2, time[1]],
      [4, crc],
      [4, shown],
      [4, shown],
      [2, name.length],
      [2, extra.length],
    ),
    name,
    extra,
  );
}

function centralHeader({
  name,
  crc,
  size,
  time,
  offset,
}: Entry & { offset: number }): Uint8Array<ArrayBuffer> {
  const large = size >= MAX_32 || offset >= MAX_32;
  const extra = large
    ? fields([2, ZIP64_EXTRA], [2, 24], [8, size], [8, size], [8, offset])
    : new Uint8Array();
  return concat(
    fields(
      [4, 0x02014b50],
      [2, VERSION_ZIP64],
      [2, large ? VERSION_ZIP64 : 20],
      [2, UTF8_NAMES],
      [2, 0],
      [2, time[0]],
      [2, time[1]],
      [4, crc],
      [4, large ? MAX_32 : size],
      [4, large ? MAX_32 : size],
      [2, name.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, large ? MAX_32 : offset],
    ),
    name,
    extra,
  );
}

function ending(count: number, directoryBytes: number, directoryAt: number): Uint8Array<ArrayBuffer> {
  const large = count >= 0xffff || directoryBytes >= MAX_32 || directoryAt >= MAX_32;
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(count, 0xffff)],
    [2, Math.min(count, 0xffff)],
    [4, Math.min(directoryBytes, MAX_32)],
    [4, Math.min(directoryAt, MAX_32)],
    [2, 0],
  );
  if (!large) return end;
  return concat(
    fields(
      [4, 0x06064b50],
      [8, 44],
      [2, VERSION_ZIP64],
      [2, VERSION_ZIP64],
      [4, 0],
      [4, 0],
      [8, count],
      [8, count],
      [8, directoryBytes],
      [8, directoryAt],
    ),
    fields([4, 0x07064b50], [4, 0], [8, directoryAt + directoryBytes], [4, 1]),
    end,
  );
}

function dosTime(ms: number): readonly [number, number] {
  const date = new Date(ms);
  const year = Math.min(Math.max(date.getFullYear() - 1980, 0), 127);
  return [
    (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    (year << 9) | ((date.getMonth() + 1) << 5) | date.getDate(),
  ];
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
