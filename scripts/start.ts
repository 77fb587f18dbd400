/**
 * Owns `npm start`: reads PORT, TURN_PORT, HOST and `--lan`, starts Parley, prints where to go, and ends every process
 * it started on Ctrl-C, on SIGTERM, or when the relay dies.
 */
import { createServer, type Server } from 'node:http';
import { parseArgs } from 'node:util';
import { renderUnicodeCompact } from 'uqr';
import { authorityFolder, lanCertificate } from './lib/authority.ts';
import { cannotUse, lanAddresses, readHost, readPort, StartError } from './lib/ports.ts';
import { type Parley, type StartOptions, startParley } from './lib/start-parley.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

/**
 * Serves the authority's certificate, and nothing else, to devices that do not trust it yet: hence plain HTTP.
 *
 * @throws StartError when the port cannot be had.
 */
function serveAuthority(certificate: string, host: string, port: number): Promise<Server> {
  return new Promise((settle, reject) => {
    const server = createServer((request, response) => {
      const known =
        (request.method === 'GET' || request.method === 'HEAD') && request.url === '/authority.crt';
      response.writeHead(known ? 200 : 404, {
        'content-type': known ? 'application/x-x509-ca-cert' : 'text/plain',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      });
      response.end(known ? certificate : 'Not found\n');
    });
    server.once('error', (error) => reject(cannotUse(error, 'PORT', 'TCP', host, port)));
    server.listen({ host, port }, () => settle(server));
  });
}

function readArguments(): { lan: boolean } {
  try {
    return { lan: parseArgs({ options: { lan: { type: 'boolean', default: false } } }).values.lan };
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error}. The one option is --lan.`);
  }
}

let parley: Parley | null = null;
let authorityServer: Server | null = null;
let ending = false;

/** Ends what runs, once; a start still under way is ended by whoever awaits it. */
async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  process.exitCode = code;
  authorityServer?.closeAllConnections();
  authorityServer?.close();
  await parley?.close();
  process.exit(code);
}

async function start(): Promise<void> {
  const { lan } = readArguments();
  const { env } = process;
  const port = readPort('PORT', env.PORT, 8787);
  const turnPort = readPort('TURN_PORT', env.TURN_PORT, 3478);
  const host = readHost(env.HOST, lan ? '0.0.0.0' : '127.0.0.1');
  const options: StartOptions = {
    port,
    turnPort,
    host,
    announce: say,
    onRelayDeath: (description) => {
      process.stderr.write(`The relay ended (${description}); Parley ends with it.\n`);
      void end(1);
    },
  };
  if (env.TICKET_KEY) options.ticketKey = env.TICKET_KEY;
  if (env.TURN_SECRET) options.turnSecret = env.TURN_SECRET;
  if (env.ALLOWED_ORIGINS) options.allowedOrigins = env.ALLOWED_ORIGINS;

  if (!lan) {
    parley = await startParley(options);
    if (ending) return parley.close();
    say(`Parley is at ${parley.url}`);
    say(`The relay is on UDP port ${parley.turnPort}. Ctrl-C ends both.`);
    return;
  }

  const addresses = host === '0.0.0.0' ? lanAddresses() : [host];
  const [address] = addresses;
  if (address === undefined) {
    throw new StartError('This machine has no LAN address: connect it to a network, or start without --lan.');
  }
  if (port === 65_535)
    throw new StartError('With --lan the port after PORT is used too: PORT must be below 65535.');
  const authorityPort = port + 1;
  const folder = authorityFolder(env);
  const certificate = await lanCertificate(folder, addresses);
  authorityServer = await serveAuthority(certificate.authority, host, authorityPort);
  parley = await startParley({
    ...options,
    advertisedHost: address,
    tls: { key: certificate.key, certificate: certificate.certificate },
  });
  if (ending) return parley.close();
  const url = `https://${address}:${port}`;
  say(renderUnicodeCompact(url, { border: 2 }));
  say(`Parley is at ${url}`);
  say(`Each device must trust this authority once: http://${address}:${authorityPort}/authority.crt`);
  say(`Its key is kept in ${folder}. The relay is on UDP port ${parley.turnPort}. Ctrl-C ends everything.`);
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
