import { readReleases, releaseBefore, type Release } from "../aws/releases.ts";
import { ownIn, type OwnUnnamed } from "../aws/own-code.ts";
import { functionMissing } from "../aws/lambda-function.ts";
import type { Command } from "../cli/command.ts";
import { tellFound } from "../cli/function-of.ts";
import { nothing, typing } from "../cli/next.ts";
import { command as invocation, deployAgain, joined } from "../errors/advice.ts";
import { allTelling } from "../errors/telling.ts";
import { placeOf, type Place } from "../stack/deploy.ts";
import { observe } from "../stack/engine.ts";
import { placeText } from "../terminal/changes.ts";
import { headedTable, oneLine } from "../terminal/format.ts";
import { minuteOf } from "../terminal/record.ts";

interface ReleasesResult extends Place {
  functionName: string;
  /** The release that serves clients; null for a function without the alias, which serves what it is. */
  serves: string | null;
  /** Whether a rollback has chosen it. */
  rolledBack: boolean;
  /** What own code is run by; null where the function has none. */
  ownCode: OwnUnnamed | null;
  /** The newest first. */
  releases: Release[];
}

const heads = ["", "release", "made", "code", "by", "changed"];

export const command: Command<"releases", ReleasesResult> = {
  async run(options, context) {
    const { functionName } = options;
    const open = await context.stack(options);
    const { stack, run } = open;
    const [observed, found] = await allTelling([
      observe({ ...stack, resources: [stack.account, stack.lambdaFunction] }, run.aws),
      readReleases(run.aws, functionName),
    ]);
    if (!found) throw functionMissing(run.aws, functionName);
    const { serves, isRolledBack: rolledBack, releases } = found;
    const lambda = observed.get(stack.lambdaFunction);
    if (lambda) tellFound(lambda, stack, context.report);
    const ownCode = ownIn(lambda);
    return { ...placeOf(open, observed), functionName, serves, rolledBack, ownCode, releases };
  },

  render({ functionName, serves, rolledBack, releases, ...place }) {
    const rows = releases.map(({ number, at, sha256, by, changed, takenBack }) => [
      number === serves ? "▶" : " ",
      number,
      at === null ? "" : minuteOf(at),
      sha256.slice(0, 12),
      by ?? "",
      `${changed.join(", ")}${takenBack ? " (taken back)" : ""}`,
    ]);
    const now = serves === null ? `${functionName} has no releases` : `release ${oneLine(serves)} serves`;
    return joined([
      placeText(place),
      ...(rows.length > 0 ? ["", headedTable(heads, rows), ""] : [""]),
      `${now}${rolledBack ? ", as a rollback chose it" : ""}`,
    ]);
  },

  next({ serves, rolledBack, releases, managedBy }) {
    if (managedBy !== null) return nothing("the other tool serves what it has written");
    if (serves === null) return typing(invocation("deploy"), "to make one");
    if (rolledBack) return typing(deployAgain, "to serve what is deployed then");
    return releaseBefore({ serves, releases }) !== undefined
      ? typing(invocation("rollback"), "to serve the one before again")
      : nothing("there is none that could be served instead");
  },
};
