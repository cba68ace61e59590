/** The candidate that a mistyped word most likely means, or undefined when none is near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    // A word of a file may be a megabyte long, and is compared letter by letter.
    .filter((candidate) => Math.abs(candidate.length - word.length) <= furthest(candidate))
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance);
  const [best] = ranked;
  return best && best.distance <= furthest(best.candidate) ? best.candidate : undefined;
}

const furthest = (candidate: string): number => Math.max(1, Math.floor(candidate.length / 3));

/**
 * How many letters must be added, removed, replaced or swapped with their neighbour to turn one word into the
 * other.
 */
function distance(word: string, other: string): number {
  const rows = [[...Array(other.length + 1).keys()]];
  const cost = (line: number, at: number) => rows[line]?.[at] ?? Infinity;
  for (let line = 1; line <= word.length; line++) {
    const row = [line];
    rows.push(row);
    for (let at = 1; at <= other.length; at++) {
      const replaced = cost(line - 1, at - 1) + (word[line - 1] === other[at - 1] ? 0 : 1);
      const isSwap = word[line - 1] === other[at - 2] && word[line - 2] === other[at - 1];
      row.push(
        Math.min(
          replaced,
          cost(line - 1, at) + 1,
          cost(line, at - 1) + 1,
          isSwap ? cost(line - 2, at - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return cost(word.length, other.length);
}
