/** How many times were between two bounds, milliseconds. */
export interface Bin {
  fromMs: number;
  toMs: number;
  count: number;
}

const BINS_PER_DECADE = 10;
const FIRST_BIN_MS = 0.1;
const SHORTEST_MS = 1e-3;

const bound = (bin: number): number => Number((FIRST_BIN_MS * 10 ** (bin / BINS_PER_DECADE)).toPrecision(3));

/** Counts times in bins of a logarithmic scale, ten for each power of ten. */
export function distribution(): { add(ms: number): void; bins(): Bin[] } {
  const counts: number[] = [];
  return {
    add(ms) {
      const decades = Math.log10(Math.max(ms, SHORTEST_MS) / FIRST_BIN_MS);
      const bin = Math.max(0, Math.floor(decades * BINS_PER_DECADE) + 1);
      counts[bin] = (counts[bin] ?? 0) + 1;
    },
    bins: () =>
      Array.from({ length: counts.length }, (_, bin) => ({
        fromMs: bin === 0 ? 0 : bound(bin - 1),
        toMs: bound(bin),
        count: counts[bin] ?? 0,
      })),
  };
}
