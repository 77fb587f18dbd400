/**
 * What this browser remembers of its person: name, devices, shortcuts. Owns one key of localStorage, never leaves the
 * browser, and must not hold anything of an invitation.
 */

interface Preferences {
  readonly name: string;
  readonly microphoneId: string;
  readonly cameraId: string;
  readonly speakerId: string;
  readonly shortcuts: boolean;
}

const KEY = 'parley';
const MAX_TEXT = 256;

const DEFAULTS: Preferences = { name: '', microphoneId: '', cameraId: '', speakerId: '', shortcuts: true };

export interface PreferenceStore {
  current(): Preferences;
  update(change: Partial<Preferences>): void;
}

/** Preferences kept in `storage`; in memory only where it is null or refuses. */
export function createPreferences(storage: Pick<Storage, 'getItem' | 'setItem'> | null): PreferenceStore {
  let current = read(storage);
  return {
    current: () => current,
    update(change) {
      current = { ...current, ...change };
      try {
        storage?.setItem(KEY, JSON.stringify(current));
      } catch {
        // A full or forbidden storage costs the memory of a name, never the call.
      }
    },
  };
}

function read(storage: Pick<Storage, 'getItem'> | null): Preferences {
  let value: unknown;
  try {
    value = JSON.parse(storage?.getItem(KEY) ?? 'null');
  } catch {
    return DEFAULTS;
  }
  if (typeof value !== 'object' || value === null) return DEFAULTS;
  const own = new Map<string, unknown>(Object.entries(value));
  const text = (key: string) => {
    const entry = own.get(key);
    return typeof entry === 'string' ? entry.slice(0, MAX_TEXT) : '';
  };
  return {
    name: text('name'),
    microphoneId: text('microphoneId'),
    cameraId: text('cameraId'),
    speakerId: text('speakerId'),
    shortcuts: own.get('shortcuts') !== false,
  };
}
