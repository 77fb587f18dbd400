/** What a link's report means to a person: how good it is, and each of its figures in words. Pure. */
import type { LinkReport } from '../state/call-model.ts';

export type Grade = 'good' | 'fair' | 'poor';

/** Beyond these speech begins to suffer: people interrupt each other (ITU-T G.114), words are lost. */
const FAIR = { roundTripMs: 250, loss: 0.02 };
const POOR = { roundTripMs: 500, loss: 0.08 };

/** Null while nothing was measured. */
export function gradeOf(report: LinkReport | null): Grade | null {
  if (!report || (report.roundTripMs === null && report.loss === null)) return null;
  const beyond = (bounds: typeof FAIR) =>
    (report.roundTripMs ?? 0) > bounds.roundTripMs || (report.loss ?? 0) > bounds.loss;
  return beyond(POOR) ? 'poor' : beyond(FAIR) ? 'fair' : 'good';
}

export function gradeWords(grade: Grade | null): string {
  switch (grade) {
    case 'good':
      return 'Good: words and pictures arrive in time.';
    case 'fair':
      return 'Slow or lossy at times: you may interrupt each other, and pictures may blur.';
    case 'poor':
      return 'Slow or lossy: words may be missing. Less video, or another network, helps.';
    case null:
      return 'Not measured yet.';
  }
}

/** Name and value of every figure that was measured. */
export function figuresOf(report: LinkReport): readonly (readonly [string, string])[] {
  const { roundTripMs, loss, receiveBps, sendBps, width, height, videoCodec, audioCodec, refusedSignals } =
    report;
  const path = {
    direct: 'direct, between your browsers',
    relayed: 'through the relay, which carries ciphertext',
    unknown: null,
  }[report.route];
  const size = width !== null && height !== null ? `, ${width} × ${height}` : '';
  const rows: [string, string | null][] = [
    ['Path', path && (report.protocol ? `${path} (${report.protocol.toUpperCase()})` : path)],
    ['Round trip', roundTripMs === null ? null : `${Math.round(roundTripMs)} ms`],
    ['Packets lost', loss === null ? null : `${(loss * 100).toFixed(1)} %`],
    ['Received', receiveBps === null ? null : rate(receiveBps)],
    ['Sent', sendBps === null ? null : rate(sendBps)],
    ['Picture', videoCodec && `${videoCodec}${size}`],
    ['Sound', audioCodec],
    [
      'Refused messages',
      refusedSignals === 0 ? null : `${refusedSignals} in this person’s name did not open`,
    ],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

function rate(bps: number): string {
  return bps < 1e6 ? `${Math.round(bps / 1e3)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`;
}
