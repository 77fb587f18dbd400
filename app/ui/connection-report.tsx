/** What is told of a link to whoever asks: how good it is, and its figures in words. */
import { For, Show } from 'solid-js';
import type { LinkReport } from '../state/call-model.ts';
import { gradeOf } from './quality.ts';
import { figuresOf, gradeWords } from './quality-words.ts';

export function ConnectionReport(props: { report: LinkReport | null }) {
  return (
    <>
      <p>{gradeWords(gradeOf(props.report))}</p>
      <Show when={props.report}>
        {(measured) => (
          <dl class="figures">
            <For each={figuresOf(measured())}>
              {([name, value]) => (
                <div>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              )}
            </For>
          </dl>
        )}
      </Show>
    </>
  );
}
