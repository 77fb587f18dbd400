/** What of node-turn is installed and loaded: an update must be looked at, row by row of docs/decisions/0001. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

const manifest = new URL('../../turn-host/package.json', import.meta.url);
const requireOfRelay = createRequire(manifest);

it('is version 0.0.6, exactly', () => {
  const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8'));
  expect(dependencies['node-turn']).toBe('0.0.6');
  expect(requireOfRelay('node-turn/package.json').version).toBe('0.0.6');
});

it('loads of its dependencies only crc, which an override lifts', () => {
  const program = `
    await import(${JSON.stringify(new URL('../../turn-host/host.ts', import.meta.url).href)});
    const { createRequire } = await import('node:module');
    const names = Object.keys(createRequire(${JSON.stringify(manifest.href)}).cache)
      .map((path) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/.exec(path)?.[1]);
    process.stdout.write(JSON.stringify([...new Set(names)].sort()));`;
  const loaded: unknown = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }),
  );
  expect(loaded).toEqual(['crc', 'node-turn']);
  const fromEngine = createRequire(requireOfRelay.resolve('node-turn'));
  for (const [name, version] of [
    ['crc', '4.3.2'],
    ['js-yaml', '5.5.0'],
    ['log4js', '6.9.1'],
  ] as const) {
    const path = fromEngine.resolve.paths(name)?.map((folder) => `${folder}/${name}/package.json`) ?? [];
    const found = path.map((file) => {
      try {
        return JSON.parse(readFileSync(file, 'utf8')).version as string;
      } catch {
        return null;
      }
    });
    expect([name, found.find((each) => each !== null)]).toEqual([name, version]);
  }
});
