/**
 * Owns workerd on this machine: bundles the Worker, reads wrangler.toml, and runs both through miniflare with every
 * look-up and report to the outside switched off. Knows nothing of the relay beyond the bindings it is given.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { unstable_readConfig } from 'wrangler';
import { StartError } from './ports.ts';

export interface WorkerServerOptions {
  root: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Variables and secrets that stand in for those of wrangler.toml. */
  bindings: Record<string, string>;
  tls?: { key: string; certificate: string };
}

export interface WorkerServer {
  /** As bound. */
  port: number;
  /** Ends workerd and with it every socket; idempotent. */
  close(): Promise<void>;
}

async function bundleWorker(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'silent',
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new StartError('The Worker could not be bundled.');
  return output.text;
}

/** Starts the Worker, its Durable Objects and the built client as wrangler.toml declares them. */
export async function startWorkerServer(options: WorkerServerOptions): Promise<WorkerServer> {
  const { root, host, port, bindings, tls } = options;
  // Wrangler's own reports are off for whatever of it this process loads.
  process.env.WRANGLER_SEND_METRICS = 'false';
  const config = unstable_readConfig({ config: join(root, 'wrangler.toml') }, { hideWarnings: true });
  const { main, assets } = config;
  if (main === undefined || config.compatibility_date === undefined || assets?.directory === undefined) {
    throw new StartError('wrangler.toml must name main, compatibility_date and the directory of assets.');
  }
  const sqlite = new Set(
    config.migrations.flatMap(
      (migration: { new_sqlite_classes?: string[] }) => migration.new_sqlite_classes ?? [],
    ),
  );
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(config.vars)) variables[name] = String(value);

  const miniflare = new Miniflare({
    host,
    port,
    ...(tls === undefined ? {} : { https: true, httpsKey: tls.key, httpsCert: tls.certificate }),
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    unsafeLocalExplorer: false,
    log: new Log(LogLevel.ERROR),
    name: config.name ?? 'parley',
    modules: [{ type: 'ESModule', path: 'worker.js', contents: await bundleWorker(main) }],
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    bindings: { ...variables, ...bindings },
    durableObjects: Object.fromEntries(
      config.durable_objects.bindings.map((binding: { name: string; class_name: string }) => [
        binding.name,
        { className: binding.class_name, useSQLite: sqlite.has(binding.class_name) },
      ]),
    ),
    assets: {
      directory: join(root, 'dist', 'client'),
      ...(assets.binding === undefined ? {} : { binding: assets.binding }),
      routerConfig: {
        has_user_worker: true,
        invoke_user_worker_ahead_of_assets: assets.run_worker_first === true,
      },
      assetConfig: {
        ...(assets.html_handling === undefined ? {} : { html_handling: assets.html_handling }),
        ...(assets.not_found_handling === undefined ? {} : { not_found_handling: assets.not_found_handling }),
      },
    },
  });
  let closed: Promise<void> | null = null;
  const close = () => {
    closed ??= miniflare.dispose();
    return closed;
  };
  try {
    const { port: bound } = await miniflare.ready;
    return { port: Number(bound), close };
  } catch (error) {
    await close().catch(() => {});
    throw new StartError(`The server could not start: ${error instanceof Error ? error.message : error}`);
  }
}
