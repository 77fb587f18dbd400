/**
 * Owns the loopback HTTP port for whoever watches the relay: `/metrics` for Prometheus, `/health` for a load balancer or a
 * supervisor: 200 while allocations are made, 503 while draining. Must not know what is counted.
 */
import { createServer } from 'node:http';

export interface MetricsSource {
  metrics(): string;
  isDraining(): boolean;
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** The port cannot be listened on; `cause` is the system's error. */
export class MetricsPortError extends Error {
  override readonly name = 'MetricsPortError';
  readonly code = 'EMETRICSPORT';
}

/** Rejects with `MetricsPortError` when it cannot listen. */
export async function openMetricsServer(port: number, source: MetricsSource): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string) => {
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(405, 'only GET\n');
    } else if (request.url === '/metrics') {
      answer(200, source.metrics());
    } else if (request.url === '/health') {
      answer(source.isDraining() ? 503 : 200, source.isDraining() ? 'draining\n' : 'ok\n');
    } else {
      answer(404, 'not here\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new MetricsPortError(cause.message, { cause })));
    server.listen(port, HOST, () => {
      server.removeAllListeners('error');
      // A connection that cannot be accepted, for want of descriptors say, is no reason to end the relay.
      server.on('error', () => undefined);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
