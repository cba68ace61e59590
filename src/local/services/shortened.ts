/** The most that is kept of one text or list, in characters of JSON, and of one structure. */
const longest = { text: 1_000, structure: 8_000 };

/**
 * An input as it is recorded, for thousands of calls are kept: small values as they are, zips and other long
 * ones by their length.
 */
export function shortened(input: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]: [string, unknown]) => [name, shortValue(value)]),
  );
}

function shortValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "string") return value.length > longest.text ? `${value.length} characters` : value;
  if (Array.isArray(value)) return within(longest.text, value.map(shortValue), `${value.length} items`);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return within(longest.structure, shortened(value), `${Object.keys(value).length} members`);
}

const within = (limit: number, value: unknown, instead: string): unknown =>
  JSON.stringify(value).length > limit ? instead : value;
