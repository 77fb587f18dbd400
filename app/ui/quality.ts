/** How good a link is, by its report. Pure. */
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
