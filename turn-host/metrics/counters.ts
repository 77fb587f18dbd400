/**
 * Owns what is counted: one float64 a counter, in memory that threads share, so that counting costs an addition and
 * reading needs nobody's help. Must not know how counts are shown, and never holds an address or a user.
 */

/** Index of each counter. Those of the data path count packets, each followed by its bytes where those are counted. */
export const Counter = {
  /** From clients, handed on to a peer or over a hop. */
  packetsFromClients: 0,
  bytesFromClients: 1,
  /** From peers or over a hop, handed on to a client. */
  packetsToClients: 2,
  bytesToClients: 3,
  /** Of the above, those that went from member to member within the process; each is among the two above as well. */
  packetsHopped: 4,
  bytesHopped: 5,
  /** Dropped by the data path. */
  droppedMalformed: 6,
  droppedUnknownFlow: 7,
  droppedNoPermission: 8,
  droppedNoChannel: 9,
  droppedByPolicy: 10,
  droppedBandwidth: 11,
  droppedUnsent: 12,
  /** For the control plane, which was too far behind. */
  droppedControl: 13,
  /** Control: packets that are no STUN message, or one longer than is due or with a wrong fingerprint; no request; a fault of ours. */
  droppedNoStun: 14,
  droppedNoRequest: 15,
  unhandled: 16,
  /** Answers kept back, most not even made: too many for their source, or too large for what was asked. */
  droppedUnauthenticated: 17,
  requests: 18,
  /** Requests whose sender was not authenticated: challenged, or with a wrong credential. */
  unauthenticated: 19,
  allocationsMade: 20,
  allocationsReleased: 21,
  /** Requests refused, by error code. */
  refused400: 22,
  refused403: 23,
  refused420: 24,
  refused437: 25,
  refused440: 26,
  refused441: 27,
  refused442: 28,
  refused443: 29,
  refused486: 30,
  refused500: 31,
  refused508: 32,
  /** TCP and TLS connections. */
  connectionsMade: 33,
  connectionsClosed: 34,
  connectionsRefused: 35,
} as const;

export type CounterName = keyof typeof Counter;

/** Counts of one thread, in the order of `Counter`. */
export type Counters = Float64Array;

const COUNTERS = Object.keys(Counter).length;

/** New counters at zero, or those in `shared`, which `counters.buffer` of another thread gave. */
export function createCounters(shared: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS * 8)): Counters {
  return new Float64Array(shared, 0, COUNTERS);
}
