/** The lock file names every package that any platform may need: `npm ci` refuses one that lacks what it would skip here. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const lock: { packages: Record<string, Locked> } = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
);
const INSIDE = 'node_modules/';

/** Where a package is found by what lies at `from`: there, or in a folder further up. */
function find(name: string, from: string): Locked | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf(`/${INSIDE}`)))) {
    const found = lock.packages[`${folder === '' ? '' : `${folder}/`}${INSIDE}${name}`];
    if (found !== undefined || folder === '') {
      return found;
    }
  }
}

it('has what each of its packages depends on, for whatever platform', () => {
  const wanted = Object.entries(lock.packages).flatMap(([from, one]) =>
    Object.keys({ ...one.dependencies, ...one.devDependencies, ...one.optionalDependencies }).map((name) => ({
      from,
      name,
    })),
  );
  expect(wanted.length).toBeGreaterThan(200);
  expect(wanted.filter(({ from, name }) => find(name, from) === undefined)).toEqual([]);
});

it('names one version of each, and by its hash what must arrive', () => {
  const fetched = Object.entries(lock.packages).filter(
    ([at, one]) => at.includes(INSIDE) && one.link !== true,
  );
  expect(fetched.length).toBeGreaterThan(100);
  for (const [at, one] of fetched) {
    expect(one.version, at).toMatch(/^\d+\.\d+\.\d+/);
    expect(one.integrity, at).toMatch(/^sha512-/);
  }
});
