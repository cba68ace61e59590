import type { AwsError } from "../aws-error.ts";

/** Part of a list, and the token for the rest where there is more. */
export interface Page<Item> {
  items: Item[];
  next?: string;
}

/**
 * Cuts a page out of a list. The token is opaque to clients; one that we did not make is refused with
 * `invalid`. `limit` is what the caller asks for, `pageSize` the most that the service gives.
 */
export function pageOf<Item>(
  items: readonly Item[],
  {
    token,
    limit,
    pageSize,
    invalid,
  }: { token: string | undefined; limit?: number | undefined; pageSize: number; invalid: AwsError },
): Page<Item> {
  const start = token === undefined ? 0 : Number(placeIn(token, invalid));
  const end = start + Math.max(1, Math.min(limit ?? pageSize, pageSize));
  return { items: items.slice(start, end), ...(end < items.length ? { next: tokenFor(end) } : {}) };
}

/**
 * The token that stands for a position, or for a place in a list of which the front can be gone by the next
 * page.
 */
export const tokenFor = (place: number | string): string => Buffer.from(`at ${place}`).toString("base64");

/** The place that a token stands for. Throws `invalid` when it is none of ours. */
export function placeIn(token: string, invalid: AwsError): string {
  const place = /^at (\d+\+?)$/.exec(Buffer.from(token, "base64").toString())?.[1];
  if (place === undefined) throw invalid;
  return place;
}
