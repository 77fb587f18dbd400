/**
 * The relay's entry: environment in, life-cycle lines out, signals obeyed. `node turn-host/main.ts`.
 */
import { readConfig, type TurnHostConfig } from './config.ts';
import { startTurnHost, type TurnHost } from './host.ts';

function fail(lines: readonly string[]): void {
  for (const line of lines) {
    process.stderr.write(`${line}\n`);
  }
  process.exitCode = 1;
}

function reasonOf(error: unknown, config: TurnHostConfig): string {
  const where = `UDP port ${config.port} of ${config.listenAddress}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return `${where} is taken by another program: end that one, or set TURN_PORT to a free port.`;
  }
  if (code === 'EADDRNOTAVAIL') {
    return `${config.listenAddress} is not an address of this host: set TURN_LISTEN to one that is.`;
  }
  if (code === 'EACCES') {
    return `${where} may not be opened by this user: set TURN_PORT to 1024 or above.`;
  }
  return `The relay cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}`;
}

function endWith(host: TurnHost): void {
  let ending = false;
  const end = () => {
    if (ending) {
      return;
    }
    ending = true;
    void host.close().then(() => {
      process.stdout.write('relay stopped\n');
      process.exit(0);
    });
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  if (process.env.TURN_EXIT_WITH_PARENT === '1') {
    // A parent that was killed cannot say so; what it held open closes with it.
    if (process.channel) {
      process.on('disconnect', end);
    } else {
      process.stdin.on('end', end).on('close', end).on('error', end).resume();
    }
  }
}

const result = readConfig(process.env);
if (!result.ok) {
  fail(['The relay is not configured:', ...result.faults]);
} else {
  const { config } = result;
  try {
    const host = await startTurnHost(config, { log: (line) => process.stdout.write(`${line}\n`) });
    endWith(host);
    process.stdout.write(`relay listening on udp ${config.listenAddress}:${host.port}\n`);
  } catch (error) {
    fail([reasonOf(error, config)]);
  }
}
