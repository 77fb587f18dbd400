/** Which colour each person's pointer has. Pure, so that everybody who sees the same people sees the same colours. */

/** How many colours there are for people. */
export const POINTER_COLOURS = 8;

/**
 * Colours, 0 to POINTER_COLOURS - 1, by member key; no two alike among as many people as there are colours. Each key wishes
 * for one, the lowest that wishes gets it, and the rest take the next that is free: so somebody who comes or goes changes the
 * colours of few. Beyond as many people, colours repeat.
 */
export function coloursOf(keys: Iterable<string>): ReadonlyMap<string, number> {
  const colours = new Map<string, number>();
  const taken = new Set<number>();
  const late: string[] = [];
  const take = (key: string, colour: number) => {
    colours.set(key, colour);
    taken.add(colour);
  };
  for (const key of [...new Set(keys)].sort()) {
    if (taken.has(wishOf(key))) late.push(key);
    else take(key, wishOf(key));
  }
  for (const key of late) {
    let colour = wishOf(key);
    while (taken.has(colour) && taken.size < POINTER_COLOURS) colour = (colour + 1) % POINTER_COLOURS;
    take(key, colour);
  }
  return colours;
}

/** Any characters of a key do: it is a hash. */
function wishOf(key: string): number {
  let sum = 0;
  for (const character of key.slice(0, 8)) sum = sum * 31 + character.charCodeAt(0);
  return sum % POINTER_COLOURS;
}
