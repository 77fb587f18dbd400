/**
 * A table of "How it works". On a narrow screen the stylesheet stacks the cells of a row, each behind the name of its column,
 * which takes a table's roles from it in some browsers; hence every element says its own.
 */
// biome-ignore-all lint/a11y/noRedundantRoles: see above.
import { For, Show } from 'solid-js';
import type { TableContent } from './about-tables.ts';

export function Table(props: { content: TableContent }) {
  const { caption, columns, rows } = props.content;
  return (
    <table role="table">
      <caption>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          <For each={columns}>
            {(column) =>
              column === '' ? (
                <td role="cell" />
              ) : (
                <th role="columnheader" scope="col">
                  {column}
                </th>
              )
            }
          </For>
        </tr>
      </thead>
      <tbody role="rowgroup">
        <For each={rows}>
          {({ head, cells }) => (
            <tr role="row">
              <th role="rowheader" scope="row">
                {head}
              </th>
              <For each={cells}>
                {(cell, index) => (
                  <td role="cell" data-label={columns[index() + 1]}>
                    <div>
                      <Show when={cell.verdict}>
                        {(verdict) => (
                          <b class="verdict" data-verdict={verdict()}>
                            {verdict()}
                          </b>
                        )}
                      </Show>
                      {cell.verdict && cell.text ? ' ' : ''}
                      {cell.text}
                    </div>
                  </td>
                )}
              </For>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}
