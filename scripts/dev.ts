/**
 * Owns `npm run dev`: Vite with hot reload of the client, in front of a live Worker, room and relay. PORT is Vite's
 * (5173), TURN_PORT the relay's; the Worker takes a free port. A change of the Worker or the room needs a restart.
 */
import { createServer, type ViteDevServer } from 'vite';
import { claimPort, readPort, StartError } from './lib/ports.ts';
import { type Parley, projectRoot, startParley } from './lib/start-parley.ts';

const HOST = '127.0.0.1';
let parley: Parley | null = null;
let vite: ViteDevServer | null = null;
let ending = false;

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  await Promise.allSettled([vite?.close(), parley?.close()]);
  process.exit(code);
}

async function start(): Promise<void> {
  const port = await claimPort('PORT', 'TCP', HOST, readPort('PORT', process.env.PORT, 5173));
  parley = await startParley({
    host: HOST,
    turnPort: readPort('TURN_PORT', process.env.TURN_PORT, 3478),
    // The page comes from Vite, so its origin is not the Worker's own.
    allowedOrigins: `http://localhost:${port},http://${HOST}:${port}`,
    announce: (line) => process.stdout.write(`${line}\n`),
    onRelayDeath: (description) => {
      process.stderr.write(`The relay ended (${description}); Parley ends with it.\n`);
      void end(1);
    },
  });
  if (ending) return parley.close();
  // vite.config.ts proxies the room's socket there.
  process.env.PARLEY_SERVER = `http://${HOST}:${parley.port}`;
  vite = await createServer({
    configFile: `${projectRoot}/vite.config.ts`,
    server: { host: HOST, port, strictPort: true },
  });
  await vite.listen();
  process.stdout.write(`Parley, with hot reload, is at http://localhost:${port}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void end(signal === 'SIGINT' ? 130 : 143));
}
try {
  await start();
} catch (error) {
  process.stderr.write(
    `${error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  await end(1);
}
