import type { FunctionConfiguration, GetFunctionResponse } from "@aws-sdk/client-lambda";
import { orDenied } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { readFunction } from "./lambda-function.ts";
import { aliasOf, AS_FOUND, isRollback, noteIn, takenBackIn, versionsOf } from "./releases.ts";
import { tellObjection } from "./objection.ts";
import { asServed } from "./served.ts";
import { defaultSettings } from "../settings/table.ts";
import { tagNames, type CodeOwner, type Tags } from "./tags.ts";

const owners: readonly CodeOwner[] = ["own", "shipped"];
const ownerIn = (value: string | undefined): CodeOwner | undefined => owners.find((one) => one === value);

/**
 * Whose code a function has, as its tags say; undefined where no deploy has written that. A release that is
 * `served` says it of its own: after a rollback the tags are about newer code.
 */
export const codeOwnerIn = (tags: Tags = {}, served?: FunctionConfiguration): CodeOwner | undefined =>
  (served && ownerOfRelease(served)) ?? ownerIn(tags[tagNames.code]);

/** Of `$LATEST` the description is that of the first release. What was there before a deploy is own code. */
function ownerOfRelease({ Version, Description }: FunctionConfiguration): CodeOwner | undefined {
  const { owner, changed = [] } = (Version === LATEST ? undefined : noteIn(Description)) ?? {};
  return owner ?? (changed.includes(AS_FOUND) ? "own" : undefined);
}

const LATEST = "$LATEST";

/**
 * Whose code was written last: as the tags say or, where they do not, as the newest release of the same code
 * does. Undefined where nothing says it.
 */
export async function latestCodeOwner(
  aws: Aws,
  { Configuration: { FunctionName = "", CodeSha256 } = {}, Tags }: GetFunctionResponse,
): Promise<CodeOwner | undefined> {
  const told = codeOwnerIn(Tags);
  if (told !== undefined) return told;
  const versions = (await orDenied(versionsOf(aws, FunctionName))) ?? [];
  const same = versions.filter((one) => one.CodeSha256 === CodeSha256);
  return same.map(ownerOfRelease).findLast((owner) => owner !== undefined);
}

/** Own code that was written last while, after a rollback, a release with the shipped handler serves. */
export interface OwnTakenBack {
  /** Which one serves. */
  serves: string;
  /** The release of the own code that a deploy leaves there; null where there would be none. */
  stays: string | null;
}

/**
 * Whether a rollback has taken own code back that was written last: undefined where it has not, or that
 * cannot be read. `keep` is how many releases the next deploy keeps.
 */
export async function ownTakenBack(
  aws: Aws,
  { Configuration: { FunctionName = "", CodeSha256 } = {} }: GetFunctionResponse,
  keep: number = defaultSettings().keepReleases,
): Promise<OwnTakenBack | undefined> {
  const alias = await orDenied(aliasOf(aws, FunctionName));
  if (!alias || !isRollback(alias.Description)) return undefined;
  const versions = (await orDenied(versionsOf(aws, FunctionName))) ?? [];
  const served = versions.find(({ Version }) => Version === alias.FunctionVersion);
  if (!served?.Version || ownerOfRelease(served) !== "shipped") return undefined;
  const takenBack = takenBackIn(alias.Description);
  // The deploy makes one more, and the oldest go.
  const own = versions
    .slice(Math.max(0, versions.length + 1 - keep))
    .findLast(
      (one) =>
        takenBack.includes(one.Version ?? "") &&
        one.CodeSha256 === CodeSha256 &&
        ownerOfRelease(one) === "own",
    );
  return { serves: served.Version, stays: own?.Version ?? null };
}

/**
 * Asks AWS whose code serves. A function without such tags, and one whose tags the caller may not read, has
 * what is `named`.
 */
export async function servedCodeOwner<Named extends CodeOwner | "unknown">(
  aws: Aws,
  FunctionName: string,
  named: Named,
): Promise<CodeOwner | Named> {
  const [found, served] = await Promise.all([
    // A caller that may invoke a function may still not read it.
    orDenied(readFunction(aws, FunctionName)),
    orDenied(asServed((of) => aws.lambda.call("GetFunctionConfiguration", { FunctionName, ...of }))),
  ]);
  await tellFunction(aws, FunctionName, found);
  return codeOwnerIn(found?.Tags, served) ?? named;
}

/** Asks AWS what a deploy of the function's stack would be refused for, and tells it. */
export async function tellOfDeploys(aws: Aws, FunctionName: string): Promise<void> {
  await tellFunction(aws, FunctionName, await orDenied(readFunction(aws, FunctionName)));
}

/** The same of a function that was read; `stack` is its name. */
export async function tellFunction(
  aws: Aws,
  stack: string,
  found: GetFunctionResponse | undefined,
): Promise<void> {
  if (!found || found.TagsError) return;
  const { Tags: tags = {}, Configuration: { Handler: handler = null, Runtime: runtime = null } = {} } = found;
  const written = codeOwnerIn(tags);
  const takenBack = written === "own" ? await ownTakenBack(aws, found) : undefined;
  const owner = takenBack?.stays ? "shipped" : written;
  tellObjection({ tags, code: { owner, handler, runtime } }, { stack, region: aws.region }, aws.report);
}
