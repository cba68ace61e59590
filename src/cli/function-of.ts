import { tellObjection } from "../aws/objection.ts";
import { functionMissing, type CheckTags } from "../aws/lambda-function.ts";
import type { CodeOwner } from "../aws/tags.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import { checkOfTags } from "../stack/again.ts";
import { placeOf, type OpenStack, type Place } from "../stack/deploy.ts";
import { observe } from "../stack/engine.ts";
import { refuseToWrite } from "../stack/ownership.ts";
import { placeText } from "../terminal/changes.ts";
import { tellAlso } from "./also-served.ts";
import type { Context } from "./context.ts";
import type { Report } from "../progress.ts";
import type { AnyFound } from "../stack/resource.ts";

/** The function of a stack, for a command that changes it by other ways than a deploy. */
interface FunctionOfStack {
  place: Place;
  /** Who changes it. */
  by: string;
  owner: CodeOwner | undefined;
  /** Asked anew right before each write: by then it may be another's. */
  check: CheckTags;
  /** Says what else a change of the function serves. */
  tellAlso(names: readonly string[], release: string): void;
}

/**
 * Reads it. Before a change it says where, and throws CliError `not-ours` for the function of another stack
 * or tool.
 */
export async function functionOf(
  open: OpenStack<WebSocketStack>,
  { isChanged }: { isChanged: boolean },
  { report }: Pick<Context, "report">,
): Promise<FunctionOfStack> {
  const { stack, run } = open;
  const { account, lambdaFunction } = stack;
  const observed = await observe({ ...stack, resources: [account, lambdaFunction] }, run.aws);
  const found = observed.get(lambdaFunction);
  if (!found) throw functionMissing(run.aws, lambdaFunction.name);
  const place = placeOf(open, observed);
  const owner = tellFound(found, stack, report);
  if (isChanged) {
    refuseToWrite(observed, stack);
    report({ kind: "note", message: placeText(place) });
  }
  const { Caller: by = "unknown" } = observed.get(account)?.attributes ?? {};
  const tell = (names: readonly string[], release: string) => tellAlso({ names, release }, { report });
  const check = checkOfTags(lambdaFunction, found, stack);
  return { place, by, owner, check, tellAlso: tell };
}

/** Tells what a deploy of a function that was found would be refused for; returns whose code it has. */
export function tellFound(
  { tags = {}, properties, attributes }: AnyFound,
  { identity }: Pick<WebSocketStack, "identity">,
  report: Report,
): CodeOwner | undefined {
  const { Handler: handler = null, Runtime: runtime = null } = properties as Partial<Record<string, string>>;
  const owner = (attributes["Owner"] || undefined) as CodeOwner | undefined;
  // A deploy replaces own code that was taken back.
  const replaced = attributes["OwnStays"] ? "shipped" : owner;
  tellObjection({ tags, code: { owner: replaced, handler, runtime } }, identity, report);
  return owner;
}
