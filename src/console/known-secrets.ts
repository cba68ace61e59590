/** Shorter ones stand in many a text that has nothing to do with them. */
const SHORTEST = 8;
/** Forms of secrets: a token or two of each of 10,000 connections. The oldest are forgotten. */
const MOST = 20_000;
/** Of those that begin alike, as signed tokens do, at most this many lengths are tried. */
const LENGTHS_AT_MOST = 64;
/** A text that was made to look like many of them is not shown to its end. */
const TRIES_AT_MOST = 4_096;
const MARK = "***";

/** Values that are known to be secret, and how they are found in a text. */
export interface KnownSecrets {
  add(secret: string): void;
  /** The text with a mark in the place of each of them, in the forms in which URLs and JSON have them. */
  masked(text: string): string;
}

/** No secrets yet. What a text costs does not depend on how many there are. */
export function knownSecrets(): KnownSecrets {
  /** The one that was added first is the first. */
  const all = new Set<string>();
  /** How long those are that begin so, the longest first. */
  const lengths = new Map<string, readonly number[]>();
  /** Whether one may begin with the characters of this number. */
  const begins = new Uint8Array(1 << 16);

  function addForm(form: string): void {
    all.add(form);
    const [oldest = form] = all;
    if (all.size > MOST) all.delete(oldest);
    begins[numberAt(form, 0)] = 1;
    const beginning = form.slice(0, SHORTEST);
    const known = lengths.get(beginning) ?? [];
    if (known.includes(form.length) || known.length >= LENGTHS_AT_MOST) return;
    lengths.set(
      beginning,
      [...known, form.length].toSorted((one, other) => other - one),
    );
  }
  return {
    add(secret) {
      if (all.has(secret)) return;
      for (const form of formsOf(secret)) addForm(form);
    },
    masked(text) {
      let [shown, from, tries] = ["", 0, 0];
      for (let at = 0; at + SHORTEST <= text.length; at++) {
        if (begins[numberAt(text, at)] === 0) continue;
        const likely = lengths.get(text.slice(at, at + SHORTEST)) ?? [];
        const found = likely.find((length) => all.has(text.slice(at, at + length)));
        tries += likely.length;
        if (found === undefined && tries <= TRIES_AT_MOST) continue;
        shown += text.slice(from, at) + MARK;
        from = found === undefined ? text.length : at + found;
        at = from - 1;
      }
      return from === 0 ? text : shown + text.slice(from);
    },
  };
}

/** A number of two bytes out of four characters. */
const numberAt = (text: string, at: number): number =>
  (text.charCodeAt(at) * 29_791 +
    text.charCodeAt(at + 1) * 961 +
    text.charCodeAt(at + 2) * 31 +
    text.charCodeAt(at + 3)) &
  0xffff;

/** A secret as it is, and as URLs and JSON write it. */
function formsOf(secret: string): string[] {
  const plain = decoded(secret);
  const forms = [secret, plain, encodeURIComponent(plain), JSON.stringify(plain).slice(1, -1)];
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
