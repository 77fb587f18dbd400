/**
 * What people are called in this call: as they call themselves, but apart from each other. Owns the rule; knows no peer.
 *
 * Names are hostile, and anybody may take that of somebody else. So whoever comes with a name that looks like one that is
 * here gets a number after it, and keeps it for as long as they are here; and nobody passes for this person. What looks
 * alike is judged by the usual suspects of Latin, Greek and Cyrillic letters, not by all that Unicode has.
 */

/** How the screens speak. */
export interface NameWords {
  /** Of somebody without a name. */
  readonly nameless: string;
  /** Of this person. */
  readonly self: readonly string[];
}

interface Named {
  readonly key: string;
  /** As they call themselves: clean (`cleanName`), may be empty. */
  readonly name: string;
}

/** A number is of no use where a long name leaves no room for it. */
const MAX_NUMBERED_CHARACTERS = 20;

/**
 * Names by key for exactly `people`, no two of which look alike. Who has one in `before` keeps it; the others take theirs in
 * order.
 */
export function nameApart(
  before: ReadonlyMap<string, string>,
  people: readonly Named[],
  words: NameWords,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const give = (key: string, name: string) => {
    names.set(key, name);
    taken.add(lookOf(name));
  };
  for (const { key } of people) {
    const kept = before.get(key);
    if (kept !== undefined) give(key, kept);
  }
  for (const { key, name: claimed } of people) {
    if (names.has(key)) continue;
    const name = claimable(claimed, words);
    let free = name;
    for (let number = 2; taken.has(lookOf(free)); number += 1) free = `${cut(name)} ${number}`;
    give(key, free);
  }
  return names;
}

function claimable(name: string, { nameless, self }: NameWords): string {
  const look = lookOf(name);
  if (look === '') return nameless;
  const letters = (text: string) => text.replace(/\P{L}/gu, '');
  return self.some((own) => letters(lookOf(own)) === letters(look)) ? `${nameless} “${name}”` : name;
}

function cut(name: string): string {
  const characters = [...name];
  const short = characters.slice(0, MAX_NUMBERED_CHARACTERS).join('').trim();
  return characters.length > MAX_NUMBERED_CHARACTERS ? `${short}…` : name;
}

/** Each character of the first is drawn like the one below it. */
const ALIKE = 'аеорсухіјѕԁһкмтвнүοαρνικτχεβηl|10ıօս';
const DRAWN = 'aeopcyxijsdhkmtbhyoapviktxebhiiioiou';

/** Equal for names that look alike: no case, no accents, no white space and nothing that cannot be seen. */
function lookOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    // The capital looks like a Y, the small letter like a u.
    .replace(/\u03a5/gu, 'y')
    .replace(/\u03c5/gu, 'u')
    .toLowerCase()
    .replace(/[\u0300-\u036f\p{Default_Ignorable_Code_Point}\p{Z}]/gu, '');
  return plain.replace(/[^a-km-z2-9]/gu, (one) => DRAWN[ALIKE.indexOf(one)] ?? one);
}
