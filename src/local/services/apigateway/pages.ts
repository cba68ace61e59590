import type { Host } from "../../host.ts";
import { pageOf } from "../paging.ts";
import { badRequest } from "./refusals.ts";

/** A page in API Gateway's form; the last one has no token (AWS.md 3.5). */
export function pageOfItems<Item>(
  { pageSize = 100 }: Pick<Host, "pageSize">,
  all: readonly Item[],
  { MaxResults, NextToken }: { MaxResults?: string | undefined; NextToken?: string | undefined },
): { Items: Item[]; NextToken?: string } {
  const limit = MaxResults === undefined ? undefined : Number(MaxResults);
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw badRequest("Invalid value for maxResults");
  const invalid = badRequest("Invalid nextToken");
  const { items, next } = pageOf(all, { token: NextToken, limit, pageSize, invalid });
  return { Items: items, ...(next ? { NextToken: next } : {}) };
}
