/** The candidate that a mistyped word most likely means, or undefined when none is near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance);
  const [best] = ranked;
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** How many letters must be added, removed or replaced to turn one word into the other (Levenshtein). */
function distance(word: string, other: string): number {
  let row = [...Array(other.length + 1).keys()];
  for (const [line, letter] of Array.from(word).entries()) {
    const next = [line + 1];
    for (const [at, candidate] of Array.from(other).entries()) {
      next.push(Math.min((row[at] ?? 0) + (letter === candidate ? 0 : 1), (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
