import { badRequest } from "./refusals.ts";
import { pageOf } from "../paging.ts";
import type { World } from "../../state.ts";

/** A page in API Gateway's form; the last one has no token (AWS.md 3.5). */
export function pageOfItems<Item>(
  world: World,
  all: readonly Item[],
  { MaxResults, NextToken }: { MaxResults?: string | undefined; NextToken?: string | undefined },
): { Items: Item[]; NextToken?: string } {
  const limit = MaxResults === undefined ? undefined : Number(MaxResults);
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw badRequest("Invalid value for maxResults");
  const { items, next } = pageOf(all, {
    token: NextToken,
    limit,
    pageSize: world.pageSize ?? 100,
    invalid: badRequest("Invalid nextToken"),
  });
  return { Items: items, ...(next ? { NextToken: next } : {}) };
}
