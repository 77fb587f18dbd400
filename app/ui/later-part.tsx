/** Gives the call's screen the parts of `later.tsx`, which is fetched once and for all of them. */
import type { Component, ComponentProps, JSX } from 'solid-js';
import { Late } from './late.tsx';
import type * as Later from './later.tsx';

export const loadLater = () => import('./later.tsx');

export function LaterPart<K extends keyof typeof Later>(props: {
  part: K;
  props: ComponentProps<(typeof Later)[K]>;
}): JSX.Element {
  const load = async () => {
    const parts = await loadLater();
    return { default: parts[props.part] as Component<typeof props.props> };
  };
  return <Late load={load} props={props.props} />;
}
