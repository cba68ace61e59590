import { serveOlder } from "../aws/alias-move.ts";
import { functionMissing } from "../aws/lambda-function.ts";
import { readReleases, releaseBefore, type Releases } from "../aws/releases.ts";
import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import { functionOf } from "../cli/function-of.ts";
import { command as invocation, joined } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { allTelling } from "../errors/telling.ts";
import type { Place } from "../stack/deploy.ts";
import { placeText } from "../terminal/changes.ts";
import { oneLine } from "../terminal/format.ts";

interface RollbackResult extends Place {
  functionName: string;
  changed: boolean;
  /** The release that served before. */
  served: string;
  /** The one that serves now. */
  serves: string;
}

export const command: Command<"rollback", RollbackResult> = {
  async run({ toRelease, ...names }, context) {
    const { functionName } = names;
    const open = await context.stack(names);
    const { aws } = open.run;
    const [{ place, by, check }, found] = await allTelling([
      functionOf(open, { isChanged: true }, context),
      readReleases(aws, functionName),
    ]);
    if (!found) throw functionMissing(aws, functionName);
    const { serves: served } = found;
    if (served === null) throw unreleased(functionName);
    const serves = target({ ...found, serves: served }, toRelease);
    const changed = serves !== served;
    if (changed) {
      const now = await serveOlder(aws, functionName, found, { serves, by, check });
      if (now !== serves) throw movedMeanwhile(served, now);
    }
    return { ...place, functionName, changed, served, serves };
  },

  render({ changed, served, serves, ...place }, { quiet }) {
    return joined([
      quiet ? placeText(place) : undefined,
      changed
        ? `release ${oneLine(serves)} serves again, instead of ${oneLine(served)}`
        : `release ${oneLine(serves)} serves already`,
      changed ? "what is deployed next serves then" : undefined,
    ]);
  },
  // Once more it would go one release further back.
  afterCut: ["see what serves now: ", invocation("releases")],
  next: ({ changed }) => typing(invocation(changed ? "doctor" : "releases")),
};

const movedMeanwhile = (served: string, now: string): CliError =>
  new CliError(
    "release-moved",
    `nothing was changed: release ${now} serves now, which took the place of ${served} in the meantime`,
    { hint: ["see who did that, and then decide again: ", invocation("releases")] },
  );

const unreleased = (functionName: string): CliError =>
  new CliError("release-missing", `${functionName} has no releases`, {
    hint: ["the next deploy makes one: ", invocation("deploy")],
  });

/** The release that is meant: the one with that number, or the one before that which serves. */
function target(found: Releases & { serves: string }, wanted: number | undefined): string {
  const { serves, releases } = found;
  const numbers = releases.map(({ number }) => number);
  const meant =
    wanted === undefined ? releaseBefore(found) : numbers.find((number) => number === String(wanted));
  if (meant !== undefined) return meant;
  const isAnyOlder = numbers.some((number) => Number(number) < Number(serves));
  const message =
    wanted === undefined
      ? `there is no release before ${serves}${isAnyOlder ? " that was not taken back" : ""}`
      : `there is no release ${wanted}`;
  const there = numbers.length === 1 ? "there is only" : "there are";
  throw new CliError("release-missing", `${message}; ${there} ${numbers.toReversed().join(", ")}`, {
    hint:
      numbers.length === 1
        ? "there is nothing to choose: a deploy that changes code or settings makes the next release"
        : ["choose one of: ", invocation("releases")],
  });
}
