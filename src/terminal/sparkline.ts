const bars = Array.from("▁▂▃▄▅▆▇█");

/** For how many values a bar stands, so that all of them fit into the columns. */
export const valuesPerBar = (values: number, columns: number): number =>
  Math.max(1, Math.ceil(values / Math.max(1, columns)));

/**
 * Values as a row of bars, the highest as high as a line; a blank where nothing was measured. Where there are
 * more values than columns, a bar is the highest of several.
 */
export function sparkline(values: readonly (number | null)[], columns: number): string {
  const size = valuesPerBar(values.length, columns);
  const groups = Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size).filter((value) => value !== null),
  );
  const highest = Math.max(...groups.flat(), 0);
  return groups.map((group) => bar(group, highest)).join("");
}

function bar(group: readonly number[], highest: number): string {
  if (group.length === 0) return " ";
  const share = highest === 0 ? 0 : Math.max(...group) / highest;
  return bars[Math.min(bars.length - 1, Math.floor(share * bars.length))] ?? "";
}
