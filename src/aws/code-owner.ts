import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { readFunction } from "./lambda-function.ts";
import { asServed } from "./served.ts";
import { tagNames, type Tags } from "./tags.ts";

/** Whose code a function runs: the user's own, or the handler that ships with us. */
export type CodeOwner = "own" | "shipped";

const owners: readonly CodeOwner[] = ["own", "shipped"];
const ownerIn = (value: string | undefined): CodeOwner | undefined => owners.find((one) => one === value);

/**
 * Whose code a function has, as its tags say; undefined where no deploy has written them. `served` is the
 * `CodeSha256` of what serves: after a rollback that may be what the code of today took the place of.
 */
export function codeOwnerIn(tags: Tags = {}, served?: string): CodeOwner | undefined {
  const [owner, sha256] = replacedIn(tags);
  return served !== undefined && served === sha256 ? ownerIn(owner) : ownerIn(tags[tagNames.code]);
}

/** The tags that say whose code a function is about to have, in place of code with this `CodeSha256`. */
export function codeTags(tags: Tags, owner: CodeOwner, sha256: string | undefined): Tags {
  const before = codeOwnerIn(tags);
  if (before === owner) return {};
  const replaced = before && sha256 !== undefined ? { [tagNames.codeBefore]: `${before}:${sha256}` } : {};
  return { [tagNames.code]: owner, ...replaced };
}

const replacedIn = (tags: Tags): readonly string[] => (tags[tagNames.codeBefore] ?? "").split(":");

/**
 * Asks AWS whose code serves. A function without such tags, and one whose tags the caller may not read, has
 * what is `named`.
 */
export async function servedCodeOwner(aws: Aws, FunctionName: string, named: CodeOwner): Promise<CodeOwner> {
  // A caller that may invoke a function may still not read it.
  const found = await readFunction(aws, FunctionName).catch(() => undefined);
  const { Tags: tags = {} } = found ?? {};
  if (!(tagNames.codeBefore in tags)) return codeOwnerIn(tags) ?? named;
  const served = await asServed((of) => aws.lambda.call("GetFunctionConfiguration", { FunctionName, ...of }));
  return codeOwnerIn(tags, served && complete(served, ["CodeSha256"]).CodeSha256) ?? named;
}
