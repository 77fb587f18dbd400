/** What a link's report says to a person. Pure. */
import type { LinkReport } from '../state/call-model.ts';
import type { Grade } from './quality.ts';

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
