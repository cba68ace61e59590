import type { AliasConfiguration } from "@aws-sdk/client-lambda";
import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { checkedFunction, type CheckTags } from "./lambda-function.ts";
import { aliasOf, isRollback, newestText, rollbackText, takenBackIn, type Releases } from "./releases.ts";
import { ALIAS } from "./served.ts";

/**
 * Serves a release that there is already, in one call. What is not the newest one is marked: the next deploy
 * says that it leaves it. Returns the release that serves then: where another run has moved the alias since
 * it was read, it stays as that left it.
 */
export async function serveOlder(
  aws: Aws,
  functionName: string,
  { serves: from, revisionId, releases }: Releases,
  { serves: version, by, check }: { serves: string; by: string; check: CheckTags },
): Promise<string> {
  const isNewest = releases[0]?.number === version;
  const isBack = from !== null && Number(version) < Number(from);
  const before = releases.filter(({ takenBack }) => takenBack).map(({ number }) => number);
  const takenBack = [...(isBack ? [from] : []), ...before].filter((number) => number !== version);
  return await moveAlias(aws, {
    functionName,
    version,
    revisionId,
    description: () => (isNewest ? newestText(takenBack) : rollbackText(takenBack, by)),
    check,
    isStillWanted: (now) => now.FunctionVersion === from,
  });
}

/** Where an alias is moved to, and from which of its revisions. */
interface Move {
  functionName: string;
  version: string;
  revisionId: string | undefined;
  /** The description that it had there. */
  present?: string | undefined;
  /** What is written with it, by what is written there. */
  description(present: string | undefined): string;
  /** Asked of the function right before; a deploy has asked already. */
  check?: CheckTags;
  /** What is left undone where that refuses. */
  left?: string;
  /** Asked again of the alias as another run has left it since that revision. */
  isStillWanted(now: AliasConfiguration): boolean;
}

const TRIES = 3;

/**
 * Lets the alias serve a version that Lambda runs already, in one call; returns what it serves then. A move
 * by another run in between is seen by the revision, and stays where this one is not wanted any more.
 */
async function moveAlias(aws: Aws, { functionName, version, ...move }: Move): Promise<string> {
  let { revisionId, present } = move;
  for (let attempt = 1; ; attempt++) {
    if (move.check) await checkedFunction(aws, functionName, move.check, move.left);
    try {
      await aws.lambda.call("UpdateAlias", {
        FunctionName: functionName,
        Name: ALIAS,
        FunctionVersion: version,
        Description: move.description(present),
        RoutingConfig: { AdditionalVersionWeights: {} },
        ...(revisionId !== undefined && { RevisionId: revisionId }),
      });
      return version;
    } catch (error) {
      const raced = error instanceof Error && error.name === "PreconditionFailedException";
      if (!raced || attempt >= TRIES) throw error;
      const now = complete(await aliasOf(aws, functionName), ["FunctionVersion", "RevisionId"]);
      if (now.FunctionVersion === version || !move.isStillWanted(now)) return now.FunctionVersion;
      [revisionId, present] = [now.RevisionId, now.Description];
    }
  }
}

/**
 * Serves a new release. A newer one of another run stays, as it holds what this run has written too. Returns
 * the release that serves then: an older one only where a rollback is not to end (`endsRollback`) that came
 * after the alias was read.
 */
export const serveNew = (
  aws: Aws,
  { endsRollback, ...move }: Omit<Move, "description" | "isStillWanted"> & { endsRollback: boolean },
): Promise<string> =>
  moveAlias(aws, {
    ...move,
    description: (present) => newestText(takenBackIn(present).filter((number) => number !== move.version)),
    isStillWanted: ({ FunctionVersion: served, Description }) =>
      Number(served) < Number(move.version) && (endsRollback || !isRollback(Description)),
  });
