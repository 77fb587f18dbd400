/** What is told of a link when somebody asks. */
import { expect, it } from 'vitest';
import { createReporter } from '../../app/call/link-report.ts';

it('tells of the camera, also while a screen comes first among the statistics', () => {
  const stats = new Map<string, unknown>([
    ['s', { id: 's', type: 'inbound-rtp', kind: 'video', trackIdentifier: 'screen', frameWidth: 1920 }],
    ['c', { id: 'c', type: 'inbound-rtp', kind: 'video', trackIdentifier: 'camera', frameWidth: 640 }],
  ]);
  const main = { getTracks: () => [{ id: 'camera' }, { id: 'microphone' }] };
  const report = createReporter().report(
    'peer',
    stats as unknown as RTCStatsReport,
    main as unknown as MediaStream,
    0,
  );
  expect(report.width).toBe(640);
});
