/**
 * Turns the browser's statistics of one link into what a person can be told (W3C webrtc-stats). Keeps the last sample of
 * each link, because rates and loss are differences; knows no peer connection.
 */
import { routeOf } from './peer-link.ts';
import type { LinkReport } from './snapshot.ts';

interface StatsEntry {
  readonly type: string;
  readonly id: string;
  readonly timestamp: number;
  readonly kind?: string;
  readonly trackIdentifier?: string;
  readonly codecId?: string;
  readonly mimeType?: string;
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly currentRoundTripTime?: number;
  readonly protocol?: string;
  readonly relayProtocol?: string;
  readonly selectedCandidatePairId?: string;
  readonly localCandidateId?: string;
}

interface Sample {
  readonly atMs: number;
  readonly received: number;
  readonly sent: number;
  readonly packets: number;
  readonly lost: number;
}

export interface Reporter {
  /** `main` is the peer's camera and microphone: a shared screen and its sound are not what is reported. */
  report(key: string, stats: RTCStatsReport, main: MediaStream, refusedSignals: number): LinkReport;
}

export function createReporter(): Reporter {
  const samples = new Map<string, Sample>();
  return {
    report(key, stats, main, refusedSignals) {
      const entries = new Map<string, StatsEntry>();
      stats.forEach((entry: StatsEntry) => {
        entries.set(entry.id, entry);
      });
      const all = [...entries.values()];
      const inbound = all.filter((entry) => entry.type === 'inbound-rtp');
      const ids = new Set(main.getTracks().map(({ id }) => id));
      const ofMain = inbound.filter(({ trackIdentifier }) => trackIdentifier && ids.has(trackIdentifier));
      const video = ofMain.find((entry) => entry.kind === 'video' && entry.frameWidth);
      const audio = ofMain.find((entry) => entry.kind === 'audio');
      const transport = all.find((entry) => entry.type === 'transport');
      const pair = entries.get(transport?.selectedCandidatePairId ?? '');
      const local = entries.get(pair?.localCandidateId ?? '');
      const next: Sample = {
        atMs: transport?.timestamp ?? 0,
        // Firefox does not count by transport.
        received: transport?.bytesReceived ?? pair?.bytesReceived ?? 0,
        sent: transport?.bytesSent ?? pair?.bytesSent ?? 0,
        packets: inbound.reduce((sum, entry) => sum + (entry.packetsReceived ?? 0), 0),
        lost: inbound.reduce((sum, entry) => sum + (entry.packetsLost ?? 0), 0),
      };
      const last = samples.get(key);
      samples.set(key, next);
      const seconds = last ? (next.atMs - last.atMs) / 1000 : 0;
      const bps = (now: number, before: number) =>
        seconds > 0 ? Math.max(0, (now - before) * 8) / seconds : null;
      const expected = last ? next.packets - last.packets + (next.lost - last.lost) : 0;
      const codec = (id: string | undefined) => entries.get(id ?? '')?.mimeType?.split('/')[1] ?? null;
      return {
        route: routeOf(stats),
        protocol: local?.relayProtocol ?? local?.protocol ?? null,
        roundTripMs: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
        videoCodec: codec(video?.codecId),
        audioCodec: codec(audio?.codecId),
        receiveBps: last ? bps(next.received, last.received) : null,
        sendBps: last ? bps(next.sent, last.sent) : null,
        loss: last && expected > 0 ? Math.max(0, next.lost - last.lost) / expected : null,
        width: video?.frameWidth ?? null,
        height: video?.frameHeight ?? null,
        refusedSignals,
      };
    },
  };
}
