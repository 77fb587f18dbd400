/** Reactions and raised hands: the marks on a tile, the buttons of the bar, and the menu of reactions. */
import { Hand, Heart } from 'lucide';
import { For, Show } from 'solid-js';
import type { GesturesModel } from '../state/gestures-model.ts';
import { BarButton } from './bar.tsx';
import { Icon } from './icon.tsx';
import { REACTIONS } from './words.ts';

const REACTIONS_ID = 'reactions';

export function toggleReactions(): void {
  document.getElementById(REACTIONS_ID)?.togglePopover();
}

/** What floats over a tile. `of` is a member key, null for the own tile. */
export function Gestures(props: { model: GesturesModel; of: string | null }) {
  const shown = () => props.model.reactions().filter((entry) => entry.key === props.of);
  return (
    <>
      <div class="reactions" aria-hidden="true">
        <For each={shown()}>
          {({ id, reaction }) => (
            // Beside each other when they come together.
            <span style={{ left: `${50 + ((id * 17) % 41) - 20}%` }}>{REACTIONS[reaction]?.emoji}</span>
          )}
        </For>
      </div>
      <HandMark place={props.model.place(props.of)} />
    </>
  );
}

export function HandMark(props: { place: number }) {
  return (
    <Show when={props.place > 0}>
      <span class="hand-mark">
        <Icon of={Hand} />
        <span class="visually-hidden">Hand raised, number</span> {props.place}
      </span>
    </Show>
  );
}

export function HandToggle(props: { model: GesturesModel }) {
  return (
    <BarButton
      label="Raise hand"
      short="Hand"
      keys="H"
      pressed={props.model.place(null) > 0}
      onClick={() => props.model.toggleHand()}
    >
      <Icon of={Hand} />
    </BarButton>
  );
}

export function ReactButton() {
  return (
    <button
      type="button"
      class="bar-button"
      aria-label="React"
      aria-haspopup="menu"
      aria-keyshortcuts="R"
      title="React (R)"
      popoverTarget={REACTIONS_ID}
      onClick={(event) => {
        // Under More it is gone with the dialog by now, and what is gone opens no popover by itself.
        if (!event.currentTarget.isConnected) toggleReactions();
      }}
    >
      <Icon of={Heart} />
      <span class="bar-label">React</span>
      <span class="bar-label-short">React</span>
    </button>
  );
}

/** Rendered once, outside the toolbar, whose arrow keys are not the menu's (ARIA APG, Menu pattern). */
export function ReactionMenu(props: { model: GesturesModel }) {
  let menu: HTMLDivElement | undefined;
  const items = () => [...(menu?.querySelectorAll('button') ?? [])];
  const onKeyDown = (event: KeyboardEvent) => {
    const all = items();
    const at = all.findIndex((item) => item.matches(':focus'));
    const to =
      event.key === 'ArrowRight' || event.key === 'ArrowDown'
        ? at + 1
        : event.key === 'ArrowLeft' || event.key === 'ArrowUp'
          ? at - 1
          : event.key === 'Home'
            ? 0
            : event.key === 'End'
              ? all.length - 1
              : null;
    if (event.key === 'Tab') menu?.hidePopover();
    if (to === null) return;
    all[(to + all.length) % all.length]?.focus();
    event.preventDefault();
  };
  return (
    <div
      id={REACTIONS_ID}
      class="reaction-menu"
      role="menu"
      aria-label="Reactions"
      popover="auto"
      tabindex="-1"
      ref={menu}
      onKeyDown={onKeyDown}
    >
      <For each={REACTIONS}>
        {({ emoji, name }, reaction) => (
          <button
            type="button"
            role="menuitem"
            tabindex="-1"
            // As the menu opens, not after: the next key may be on its way.
            autofocus={reaction() === 0}
            aria-label={name}
            title={name}
            onClick={() => {
              menu?.hidePopover();
              props.model.react(reaction());
            }}
          >
            {emoji}
          </button>
        )}
      </For>
    </div>
  );
}
