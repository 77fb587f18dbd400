/**
 * Owns how counts are shown: Prometheus text (version 0.0.4). Must not know how they came about; nothing in it is an
 * address, a user or a room.
 */
import { Counter, type CounterName, type Counters } from './counters.ts';

/** What is not counted but is so now. */
export interface Gauges {
  readonly allocations: number;
  readonly workers: number;
  readonly isDraining: boolean;
  readonly dataPath: string;
}

interface Series {
  readonly metric: string;
  readonly help: string;
  /** Label text to counter. */
  readonly counters: Readonly<Record<string, CounterName>>;
}

const SERIES: readonly Series[] = [
  {
    metric: 'parley_relay_packets_total',
    help: 'Packets relayed.',
    counters: {
      'direction="from_client"': 'packetsFromClients',
      'direction="to_client"': 'packetsToClients',
    },
  },
  {
    metric: 'parley_relay_bytes_total',
    help: 'Payload bytes relayed.',
    counters: { 'direction="from_client"': 'bytesFromClients', 'direction="to_client"': 'bytesToClients' },
  },
  {
    metric: 'parley_relay_hop_packets_total',
    help: 'Packets from member to member.',
    counters: { '': 'packetsHopped' },
  },
  {
    metric: 'parley_relay_hop_bytes_total',
    help: 'Payload bytes from member to member.',
    counters: { '': 'bytesHopped' },
  },
  {
    metric: 'parley_relay_dropped_total',
    help: 'Packets and answers dropped.',
    counters: {
      'reason="malformed"': 'droppedMalformed',
      'reason="unknown_flow"': 'droppedUnknownFlow',
      'reason="no_permission"': 'droppedNoPermission',
      'reason="no_channel"': 'droppedNoChannel',
      'reason="policy"': 'droppedByPolicy',
      'reason="bandwidth"': 'droppedBandwidth',
      'reason="unsent"': 'droppedUnsent',
      'reason="control_behind"': 'droppedControl',
      'reason="no_stun"': 'droppedNoStun',
      'reason="no_request"': 'droppedNoRequest',
      'reason="unauthenticated_rate"': 'droppedUnauthenticated',
      'reason="fault"': 'unhandled',
    },
  },
  { metric: 'parley_relay_requests_total', help: 'Requests received.', counters: { '': 'requests' } },
  {
    metric: 'parley_relay_refusals_total',
    help: 'Requests refused, by error code.',
    counters: {
      'code="401_or_438"': 'unauthenticated',
      'code="400"': 'refused400',
      'code="403"': 'refused403',
      'code="420"': 'refused420',
      'code="437"': 'refused437',
      'code="440"': 'refused440',
      'code="441"': 'refused441',
      'code="442"': 'refused442',
      'code="443"': 'refused443',
      'code="486"': 'refused486',
      'code="500"': 'refused500',
      'code="508"': 'refused508',
    },
  },
  {
    metric: 'parley_relay_allocations_made_total',
    help: 'Allocations made.',
    counters: { '': 'allocationsMade' },
  },
  {
    metric: 'parley_relay_connections_total',
    help: 'TCP and TLS connections.',
    counters: {
      'event="made"': 'connectionsMade',
      'event="closed"': 'connectionsClosed',
      'event="refused"': 'connectionsRefused',
    },
  },
];

/** The sums over all workers' counters, as a scrape's body. */
export function expose(all: readonly Counters[], gauges: Gauges): string {
  const sum = (name: CounterName) =>
    all.reduce((total, counters) => total + (counters[Counter[name]] ?? 0), 0);
  const lines: string[] = [];
  for (const { metric, help, counters } of SERIES) {
    lines.push(`# HELP ${metric} ${help}`, `# TYPE ${metric} counter`);
    for (const [labels, name] of Object.entries(counters)) {
      lines.push(`${metric}${labels === '' ? '' : `{${labels}}`} ${sum(name)}`);
    }
  }
  const gauge = (metric: string, help: string, value: number, labels = '') =>
    lines.push(`# HELP ${metric} ${help}`, `# TYPE ${metric} gauge`, `${metric}${labels} ${value}`);
  gauge('parley_relay_allocations', 'Allocations in use.', gauges.allocations);
  gauge('parley_relay_workers', 'Worker threads.', gauges.workers, `{data_path="${gauges.dataPath}"}`);
  gauge('parley_relay_draining', '1 while no new allocations are made.', gauges.isDraining ? 1 : 0);
  gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss());
  return `${lines.join('\n')}\n`;
}
