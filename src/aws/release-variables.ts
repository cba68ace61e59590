import type { AliasConfiguration } from "@aws-sdk/client-lambda";
import { deployAgain } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { serveNew } from "./alias-move.ts";
import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { changedBetween, contentOf } from "./function-content.ts";
import {
  changeEnvironment,
  checkedFunction,
  untilActive,
  variablesOf,
  type CheckTags,
} from "./lambda-function.ts";
import { aliasOf, descriptionOf, isRollback, prune, type ReleaseNote } from "./releases.ts";
import type { CodeOwner } from "./tags.ts";
import type { Variables } from "./variables.ts";

/**
 * Gives the function the variables of the release that serves, where others were written since; returns the
 * names of those. After a rollback it stays as it is.
 */
export async function takeBackVariables(aws: Aws, FunctionName: string, check: CheckTags): Promise<string[]> {
  const alias = await aliasOf(aws, FunctionName);
  if (!alias || isRollback(alias.Description)) return [];
  const [served, latest] = await Promise.all([
    variablesAt(aws, FunctionName, alias.FunctionVersion),
    variablesAt(aws, FunctionName),
  ]);
  const changed = namesOfChanged(served, latest);
  if (changed.length > 0) await changeEnvironment(aws, FunctionName, { change: () => served, check });
  return changed;
}

/** The variables of one version; without any, those that were written last. */
const variablesAt = async (aws: Aws, FunctionName: string, Qualifier?: string): Promise<Variables> =>
  variablesOf(await aws.lambda.call("GetFunctionConfiguration", { FunctionName, Qualifier }));

const namesOfChanged = (before: Variables, after: Variables): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .toSorted();

/** The variables that a change of them begins with. */
export interface Changeable {
  /** As they were written last. */
  latest: Variables;
  /** The release that serves after a rollback, which the change does not reach; null where there was none. */
  rolledBackTo: string | null;
}

export async function changeableVariables(aws: Aws, functionName: string): Promise<Changeable> {
  const [latest, alias] = await Promise.all([variablesAt(aws, functionName), aliasOf(aws, functionName)]);
  return { latest, rolledBackTo: rolledBackToIn(alias) };
}

const servedBy = (alias: AliasConfiguration): string => complete(alias, ["FunctionVersion"]).FunctionVersion;

/** What serves after a rollback; null where there was none. */
const rolledBackToIn = (alias: AliasConfiguration | undefined): string | null =>
  alias && isRollback(alias.Description) ? servedBy(alias) : null;

/** Who changes a function, and what is kept of before. */
interface Publisher {
  check: CheckTags;
  /** Told before anything is written what else is served then: it was changed since `release`. */
  tellAlso(names: readonly string[], release: string): void;
  by: string;
  run: string;
  /** Whose code it has. */
  owner: CodeOwner | undefined;
  keepReleases: number;
  /** After a rollback, whether the change is refused or only written, for the next deploy to serve. */
  afterRollback: "refused" | "waits";
}

/** The variables as they were written, and the release that serves without them after a rollback, or null. */
interface Written {
  variables: Variables;
  rolledBackTo: string | null;
  /** The names of what else is served now, which was changed by other ways since the release before. */
  alsoServed: readonly string[];
}

/**
 * Changes the variables of a function, publishes that and serves it; a function without the alias serves what
 * was written last. After a rollback nothing is published, as what was taken back would be served with it:
 * the change waits for the next deploy, or is refused with a CliError.
 */
export async function releaseEnvironment(
  aws: Aws,
  functionName: string,
  change: (present: Variables) => Variables,
  { afterRollback, tellAlso, ...publisher }: Publisher,
): Promise<Written> {
  const alias = await aliasOf(aws, functionName);
  const rolledBackTo = rolledBackToIn(alias);
  if (rolledBackTo !== null && afterRollback === "refused") throw rolledBack(rolledBackTo);
  const { check } = publisher;
  const isServed = alias !== undefined && rolledBackTo === null;
  const alsoServed = isServed ? await changedBeside(aws, functionName, { alias, change, check }) : [];
  if (alias && alsoServed.length > 0) tellAlso(alsoServed, servedBy(alias));
  let before: Variables = {};
  const { variables } = await changeEnvironment(aws, functionName, {
    change: (present) => change((before = present)),
    check,
  });
  if (!isServed) return { variables, rolledBackTo, alsoServed };
  await serveNewest(aws, alias, { functionName, ...publisher, changed: namesOfChanged(before, variables) });
  return { variables, rolledBackTo, alsoServed };
}

/** A change of the variables, and what the alias serves before it. */
interface VariablesChange {
  alias: AliasConfiguration;
  change(present: Variables): Variables;
  check: CheckTags;
}

/** What a release has beside this change: it is of everything in the function, as it was written last. */
async function changedBeside(
  aws: Aws,
  FunctionName: string,
  { alias, change, check }: VariablesChange,
): Promise<string[]> {
  const [served, latest] = await Promise.all([
    aws.lambda.call("GetFunctionConfiguration", { FunctionName, Qualifier: alias.FunctionVersion }),
    checkedFunction(aws, FunctionName, check),
  ]);
  const present = variablesOf(latest);
  const named = namesOfChanged(present, change(present));
  return changedBetween(contentOf(served), contentOf(latest)).filter((name) => !named.includes(name));
}

async function serveNewest(
  aws: Aws,
  alias: AliasConfiguration,
  {
    functionName,
    keepReleases: keep,
    check,
    ...note
  }: Omit<Publisher, "afterRollback" | "tellAlso"> & ReleaseNote & { functionName: string },
): Promise<void> {
  const { FunctionVersion: before, RevisionId } = complete(alias, ["FunctionVersion", "RevisionId"]);
  const Description = descriptionOf(note);
  await checkedFunction(aws, functionName, check, WRITTEN);
  const published = await aws.lambda.call("PublishVersion", { FunctionName: functionName, Description });
  const { Version: version } = complete(published, ["Version"]);
  await untilActive(aws, functionName, published, version);
  const left = `the variables are written as release ${version}, which does not serve`;
  const { Description: present } = alias;
  const move = { functionName, version, revisionId: RevisionId, present, endsRollback: false, check, left };
  const served = await serveNew(aws, move);
  if (Number(served) < Number(version)) throw rolledBackMeanwhile(version, served);
  if (Number(version) <= keep) return;
  const kept = `release ${version} serves, and older ones were not deleted`;
  const stillOurs = () => checkedFunction(aws, functionName, check, kept);
  await prune(aws, functionName, { keep, used: [version, before], check: stillOurs });
}

const WRITTEN = "the variables are written, and not served";

const rolledBackMeanwhile = (version: string, served: string): CliError =>
  new CliError(
    "rolled-back",
    `written as release ${version}, which does not serve: a rollback in the meantime serves ${served}`,
    { hint: ["deploy what is to be served: ", deployAgain] },
  );

const rolledBack = (served: string): CliError =>
  new CliError(
    "rolled-back",
    `nothing was written: release ${served} serves after a rollback, and a change would serve ` +
      "what was taken back",
    { hint: ["deploy what is to be served: ", deployAgain] },
  );
