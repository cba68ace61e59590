/** Shorter ones stand in many a text that has nothing to do with them. */
const SHORTEST = 8;
/** As many connections as the gateway has, and the rest; the oldest are forgotten. */
const MOST = 12_000;
const MARK = "***";

/** Values that are known to be secret, and how they are found in a text. */
export interface KnownSecrets {
  add(secret: string): void;
  /** The text with a mark in the place of each of them, in the forms in which URLs and JSON have them. */
  masked(text: string): string;
}

/** No secrets yet. However many there are, a text is read once. */
export function knownSecrets(): KnownSecrets {
  const forms = new Map<string, readonly string[]>();
  /** By their first characters. */
  const byBeginning = new Map<string, Set<string>>();
  /** Whether one may begin with the characters of this number. */
  const begins = new Uint8Array(1 << 16);

  function forget(secret: string): void {
    for (const form of forms.get(secret) ?? []) {
      const same = byBeginning.get(form.slice(0, SHORTEST));
      same?.delete(form);
      if (same?.size === 0) byBeginning.delete(form.slice(0, SHORTEST));
    }
    forms.delete(secret);
  }
  function longestAt(text: string, at: number): string | undefined {
    const same = byBeginning.get(text.slice(at, at + SHORTEST)) ?? [];
    let longest: string | undefined;
    for (const form of same)
      if (form.length > (longest?.length ?? 0) && text.startsWith(form, at)) longest = form;
    return longest;
  }
  return {
    add(secret) {
      if (forms.has(secret)) return;
      const all = formsOf(secret);
      forms.set(secret, all);
      for (const form of all) {
        begins[numberAt(form, 0)] = 1;
        const beginning = form.slice(0, SHORTEST);
        byBeginning.set(beginning, (byBeginning.get(beginning) ?? new Set()).add(form));
      }
      const [oldest = secret] = forms.keys();
      if (forms.size > MOST) forget(oldest);
    },
    masked(text) {
      let [shown, from] = ["", 0];
      for (let at = 0; at + SHORTEST <= text.length; at++) {
        const found = begins[numberAt(text, at)] === 1 ? longestAt(text, at) : undefined;
        if (found === undefined) continue;
        shown += text.slice(from, at) + MARK;
        from = at + found.length;
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
