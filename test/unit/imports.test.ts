/**
 * Who may import whom. Reads every import of the product's code and fails on one that docs/architecture.md does not
 * allow. Resolution is by path only: a relative import names a file of the project, anything else a package.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface ImportedName {
  specifier: string;
  /** `import type`: erased before anything runs. */
  typeOnly: boolean;
}

interface Rule {
  module: string;
  /** Whether a file, named from the top of the project with forward slashes, belongs to the module. */
  owns: RegExp;
  /** Files of the project it may import. */
  project: RegExp[];
  /** Files it may import types from and nothing else. */
  projectTypes?: RegExp[];
  packages: RegExp[];
}

const SOLID = /^solid-js(\/|$)/;
const NODE = /^node:/;

/** The first rule that owns a file is the one that holds for it. */
const RULES: Rule[] = [
  {
    module: 'rooms/protocol',
    owns: /^rooms\/protocol\//,
    project: [/^rooms\/protocol\//],
    packages: [],
  },
  { module: 'rooms', owns: /^rooms\//, project: [/^rooms\//], packages: [/^cloudflare:workers$/] },
  {
    module: 'worker',
    owns: /^worker\//,
    project: [/^worker\//, /^rooms\//, /^turn-host\/credential\.ts$/],
    packages: [/^hono(\/|$)/, /^cloudflare:workers$/],
  },
  { module: 'turn-host/credential', owns: /^turn-host\/credential\.ts$/, project: [], packages: [] },
  {
    module: 'turn-host',
    owns: /^turn-host\//,
    project: [/^turn-host\//],
    packages: [NODE, /^node-turn(\/|$)/, /^koffi$/],
  },
  { module: 'app/wire', owns: /^app\/wire\//, project: [/^app\/wire\//], packages: [] },
  {
    module: 'app/crypto',
    owns: /^app\/crypto\//,
    project: [/^app\/crypto\//, /^app\/wire\//],
    packages: [],
  },
  {
    module: 'app/call',
    owns: /^app\/call\//,
    project: [/^app\/call\//, /^rooms\/protocol\//, /^app\/wire\//, /^app\/crypto\//],
    packages: [],
  },
  {
    module: 'app/state',
    owns: /^app\/state\//,
    project: [/^app\/state\//, /^app\/call\//],
    projectTypes: [/^app\/wire\//],
    packages: [SOLID],
  },
  {
    module: 'app/ui',
    owns: /^app\/ui\//,
    project: [/^app\/ui\//, /^app\/state\//],
    packages: [SOLID, /^lucide$/, /^uqr$/],
  },
  {
    module: 'app/main.tsx',
    owns: /^app\/main\.tsx$/,
    project: [/^app\//],
    packages: [SOLID],
  },
  { module: 'app declarations', owns: /^app\/[^/]+\.d\.ts$/, project: [], packages: [/^vite\/client$/] },
];

function isNode(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Every module specifier in a source text: static, re-exported, dynamic, and inside types. */
function readImports(path: string, text: string): ImportedName[] {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path} does not parse`);
  const found: ImportedName[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const entry of value) visit(entry);
      return;
    }
    if (!isNode(value)) return;
    const { type, source } = value;
    const imports =
      type === 'ImportDeclaration' ||
      type === 'ExportAllDeclaration' ||
      type === 'ExportNamedDeclaration' ||
      type === 'ImportExpression' ||
      type === 'TSImportType';
    if (imports && source !== null && source !== undefined) {
      if (!isNode(source) || typeof source.value !== 'string') {
        throw new Error(`${path} imports a module whose name is computed`);
      }
      const typeOnly = value.importKind === 'type' || value.exportKind === 'type' || type === 'TSImportType';
      found.push({ specifier: source.value, typeOnly });
    }
    for (const entry of Object.values(value)) visit(entry);
  };
  visit(parsed.program.body);
  return found;
}

/** The breaches in one file, each as a sentence; `path` is relative to the top of the project. */
function breaches(path: string, text: string): string[] {
  const rule = RULES.find((candidate) => candidate.owns.test(path));
  if (rule === undefined) return [`${path} belongs to no module`];
  return readImports(path, text).flatMap(({ specifier, typeOnly }) => {
    const relative = specifier.startsWith('.') || specifier.startsWith('/');
    const target = relative ? posix.join(posix.dirname(path), specifier) : specifier;
    const allowed = relative
      ? [...rule.project, ...(typeOnly ? (rule.projectTypes ?? []) : [])]
      : rule.packages;
    if (allowed.some((pattern) => pattern.test(target))) return [];
    return [`${path} (${rule.module}) may not import ${target}${typeOnly ? ' (type)' : ''}`];
  });
}

describe('imports', () => {
  it('stay within what each module may know', () => {
    const files = globSync('{rooms,worker,turn-host,app}/**/*.{ts,tsx}', {
      cwd: root,
      exclude: ['**/node_modules/**', '**/dist/**'],
    }).map((path) => path.replaceAll('\\', '/'));
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((path) => breaches(path, readFileSync(resolve(root, path), 'utf8')))).toEqual([]);
  });
});

describe('the checker', () => {
  it.each([
    ['rooms/protocol/messages.ts', "import { x } from '../membership.ts';"],
    ['rooms/protocol/messages.ts', "import { x } from 'hono';"],
    ['rooms/room.ts', "import { mint } from '../turn-host/credential.ts';"],
    ['rooms/room.ts', "export * from '../worker/index.ts';"],
    ['worker/index.ts', "import { relay } from '../turn-host/main.ts';"],
    ['worker/index.ts', "import type { Frame } from '../app/wire/frame.ts';"],
    ['turn-host/credential.ts', "import { createHmac } from 'node:crypto';"],
    ['turn-host/credential.ts', "import { x } from './config.ts';"],
    ['turn-host/main.ts', "import { LIMITS } from '../rooms/protocol/limits.ts';"],
    ['app/wire/frame.ts', "type T = import('../call/snapshot.ts').T;"],
    ['app/crypto/keys.ts', "import { x } from '../../rooms/protocol/limits.ts';"],
    ['app/call/call.ts', "import { createSignal } from 'solid-js';"],
    ['app/call/call.ts', "const ui = () => import('../ui/app.tsx');"],
    ['app/state/session.ts', "import { encode } from '../wire/frame.ts';"],
    ['app/ui/tile.tsx', "import type { CallSnapshot } from '../call/snapshot.ts';"],
    ['app/ui/tile.tsx', "import { Dialog } from 'https://example.org/dialog.js';"],
    ['app/main.tsx', "import { x } from '../worker/index.ts';"],
    ['app/stray.ts', ''],
  ])('catches a breach in %s: %s', (path, text) => {
    expect(breaches(path, text)).toHaveLength(1);
  });

  it.each([
    ['rooms/room.ts', "import { DurableObject } from 'cloudflare:workers';"],
    ['rooms/room.ts', "import { LIMITS } from './protocol/limits.ts';"],
    ['worker/index.ts', "import { mint } from '../turn-host/credential.ts'; import { Hono } from 'hono';"],
    ['app/state/session.ts', "import type { Frame } from '../wire/frame.ts';"],
    ['app/ui/tile.tsx', "import { Mic } from 'lucide'; import { For } from 'solid-js';"],
    ['app/main.tsx', "import { render } from 'solid-js/web'; import './ui/theme.css';"],
  ])('lets pass what is allowed in %s: %s', (path, text) => {
    expect(breaches(path, text)).toEqual([]);
  });

  it('refuses a module name that is computed', () => {
    expect(() => breaches('app/call/call.ts', 'const load = (name: string) => import(name);')).toThrow();
  });
});
