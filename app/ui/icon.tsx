/** Draws one of Lucide's icons. Its size and place are the stylesheet's. */
import type { IconNode } from 'lucide';
import type { JSX } from 'solid-js';

const SVG = 'http://www.w3.org/2000/svg';

/** Hidden from screen readers, whose words stand beside it, unless it has a `label` of its own. */
export function Icon(props: { of: IconNode; label?: string }): JSX.Element {
  return (
    <svg
      class="lucide"
      role={props.label === undefined ? undefined : 'img'}
      aria-label={props.label}
      aria-hidden={props.label === undefined ? 'true' : undefined}
      width="24"
      height="24"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {props.of.map(draw)}
    </svg>
  );
}

function draw([tag, attributes]: IconNode[number]): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
