/**
 * The value of a JSON text, only to be inspected: what is sent on is always the text itself, because
 * serializing it again would change numbers and duplicate keys and overflow the stack on deep nesting.
 */
export function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** A JSON object that is not an array; its members are untrusted. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The elements of an array, or the members of an object, each as its own piece of the text. The text must be
 * valid JSON.
 */
export function pieces(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = stringEnd(text, at);
    else if (character === "{" || character === "[") {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (character === "," && depth === 1) {
      found.push(text.slice(start, at).trim());
      start = at + 1;
    } else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) found.push(text.slice(start, at).trim());
    }
  }
  return found.filter((piece) => piece !== "");
}

/** The text of one member of a JSON object; of the last one where a key is repeated, as in JSON.parse. */
export function member(text: string, key: string): string | undefined {
  const nameOf = (piece: string) => piece.slice(0, stringEnd(piece, 0) + 1);
  const found = pieces(text).findLast((piece) => JSON.parse(nameOf(piece)) === key);
  return found?.slice(nameOf(found).length).trim().slice(1).trim();
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
