/**
 * The relay's entry: environment in, life-cycle lines out, signals obeyed. `node turn-host/main.ts`.
 *
 * SIGTERM and SIGINT drain and end it, a second one ends it at once; SIGHUP reads the certificate again.
 */
import { readConfig, type TurnHostConfig } from './config.ts';
import { startTurnHost, type TurnHost } from './host.ts';

function fail(lines: readonly string[]): void {
  for (const line of lines) {
    process.stderr.write(`${line}\n`);
  }
  process.exitCode = 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function reasonOf(error: unknown, config: TurnHostConfig): string {
  const tls = config.tls === null ? '' : ` and TLS port ${config.tls.port}`;
  const where = `UDP${config.tcp ? ' and TCP' : ''} port ${config.port}${tls} of ${config.listenAddresses.join(', ')}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return `${where} is taken by another program: end that one, or set TURN_PORT to a free port.`;
  }
  if (code === 'EADDRNOTAVAIL') {
    return `${config.listenAddresses.join(', ')} is not an address of this host: set TURN_LISTEN to one that is.`;
  }
  const words = error instanceof Error ? error.message : String(error);
  if (code === 'ERELAYADDRESS') {
    return `Nothing can be relayed from ${words}: set TURN_RELAY_IP to addresses of this host.`;
  }
  if (code === 'EMETRICSPORT') {
    return `TURN_METRICS_PORT ${config.metricsPort} of 127.0.0.1 cannot be listened on: ${words}`;
  }
  if (code === 'ECERTIFICATE') {
    return `TURN_TLS_CERT and TURN_TLS_KEY are no certificate and its key: ${words}`;
  }
  if (code === 'EACCES') {
    return `${where} may not be opened by this user: set ports of 1024 or above, or see "Port 443 without root" in docs/relay.md.`;
  }
  return `The relay cannot listen on ${where}: ${words}`;
}

function endWith(host: TurnHost): void {
  let signals = 0;
  const end = async () => {
    await host.close();
    say('relay stopped');
    process.exit(0);
  };
  const asked = () => {
    signals += 1;
    if (signals === 1) {
      if (host.allocations > 0) {
        say(`relay draining, ${host.allocations} in use`);
      }
      void host.drain().then(end);
    } else {
      void end();
    }
  };
  process.on('SIGTERM', asked);
  process.on('SIGINT', asked);
  process.on('SIGHUP', () => host.reload());
  if (process.env.TURN_EXIT_WITH_PARENT === '1') {
    // A parent that was killed cannot say so; what it held open closes with it.
    const orphaned = () => void end();
    if (process.channel) {
      process.on('disconnect', orphaned);
    } else {
      process.stdin.on('end', orphaned).on('close', orphaned).on('error', orphaned).resume();
    }
  }
}

function listening(config: TurnHostConfig, host: TurnHost): string {
  const at = (transport: string, port: number) =>
    config.listenAddresses.map((ip) => `${transport} ${ip.includes(':') ? `[${ip}]` : ip}:${port}`);
  const places = [
    ...at('udp', host.port),
    ...(config.tcp ? at('tcp', host.port) : []),
    ...(host.tlsPort === null ? [] : at('tls', host.tlsPort)),
  ];
  const workers = config.workers === 1 ? '' : `, ${config.workers} workers`;
  return `relay listening on ${places.join(', ')}; peer policy ${config.peerPolicy}, data path ${host.dataPath}${workers}`;
}

// Whoever read the log may be gone: that ends no call.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const result = readConfig(process.env);
if (!result.ok) {
  fail(['The relay is not configured:', ...result.faults]);
} else {
  const { config, doubts } = result;
  for (const doubt of doubts) say(doubt);
  try {
    const host = await startTurnHost(config, {
      log: say,
      onFailure: () => process.exit(1),
    });
    endWith(host);
    say(listening(config, host));
    if (host.metricsPort !== null) {
      say(`metrics and health on http://127.0.0.1:${host.metricsPort}`);
    }
  } catch (error) {
    fail([reasonOf(error, config)]);
  }
}
