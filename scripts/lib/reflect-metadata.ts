/**
 * Owns the three functions of the metadata proposal that @peculiar/x509's container asks `Reflect` for before it will
 * load. Import it before that library. Metadata of a class is found on its prototypes too, as the proposal has it.
 */
const store = new WeakMap<object, Map<unknown, unknown>>();

const additions = {
  defineMetadata(key: unknown, value: unknown, target: object): void {
    const entries = store.get(target) ?? new Map<unknown, unknown>();
    store.set(target, entries.set(key, value));
  },
  getOwnMetadata(key: unknown, target: object): unknown {
    return store.get(target)?.get(key);
  },
  getMetadata(key: unknown, target: object): unknown {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const entries = store.get(at);
      if (entries?.has(key)) return entries.get(key);
    }
    return undefined;
  },
};

for (const [name, value] of Object.entries(additions)) {
  if (!(name in Reflect)) {
    Object.defineProperty(Reflect, name, { value, configurable: true, writable: true });
  }
}
