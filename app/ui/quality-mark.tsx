/** The mark that says how good the link to a person is, and explains itself when touched. Owns when the link is asked. */
import { SignalHigh, SignalLow, SignalMedium } from 'lucide';
import { Switch as Choose, createEffect, createSignal, Match, onCleanup, Show } from 'solid-js';
import type { LinkReport } from '../state/call-model.ts';
import { Icon } from './icon.tsx';
import { LaterPart } from './later-part.tsx';
import { Dialog } from './parts.tsx';
import { gradeOf } from './quality.ts';

/** Asking stops the browser's media threads for a moment: seldom, unless somebody looks. */
const ASK_MS = 10_000;
const ASK_OPEN_MS = 2_000;

export function QualityMark(props: { name: string; report: () => Promise<LinkReport | null> }) {
  const [report, setReport] = createSignal<LinkReport | null>(null);
  const [open, setOpen] = createSignal(false);
  const grade = () => gradeOf(report());
  let gone = false;
  const ask = () =>
    void props.report().then((next) => {
      if (!gone && next) setReport(next);
    });
  createEffect(() => {
    if (open()) ask();
    const timer = setInterval(ask, open() ? ASK_OPEN_MS : ASK_MS);
    onCleanup(() => clearInterval(timer));
  });
  onCleanup(() => {
    gone = true;
  });
  return (
    <>
      <button
        type="button"
        class="over-video"
        classList={{ lasting: grade() === 'fair' || grade() === 'poor' }}
        aria-label={`Connection to ${props.name}`}
        aria-description={grade() ?? undefined}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <Choose fallback={<Icon of={SignalHigh} />}>
          <Match when={grade() === 'fair'}>
            <Icon of={SignalMedium} />
          </Match>
          <Match when={grade() === 'poor'}>
            <Icon of={SignalLow} />
          </Match>
        </Choose>
      </button>
      <Show when={open()}>
        <Dialog title={`Connection to ${props.name}`} open={true} onClose={() => setOpen(false)}>
          <LaterPart
            part="ConnectionReport"
            props={{
              get report() {
                return report();
              },
            }}
          />
        </Dialog>
      </Show>
    </>
  );
}
