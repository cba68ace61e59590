import { isAdoptionBegun, isUnclaimed, type CodeOwner, type Tags } from "./tags.ts";
import { command, type Written } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { defaultSettings } from "../settings/table.ts";

/** Which code a stack is to have, and what becomes of own code that is there. */
export interface CodeConfig {
  functionName: string;
  /** What the code comes from; a tag of the function keeps it. */
  codeFrom?: CodeOwner | undefined;
  /** Whether the shipped handler may take the place of own code. */
  replacesCode?: boolean | undefined;
  /** The shipped handler does not take the place of own code, which stays with what it is run by. */
  keepsOwn?: boolean | undefined;
}

/** What a rollback has made of own code that was written last; empty where there is no such code. */
export type TakenBack = {
  /** The release with the shipped handler that serves in its place. */
  ShippedServes: string;
  /** The release of the own code that a deploy leaves there. */
  OwnStays: string;
};

/** A function as it was found. */
interface Found {
  properties: { Handler?: string; Runtime?: string };
  /** Whose code it has; empty where nothing says it. */
  attributes: { Owner: CodeOwner | "" } & TakenBack;
  tags?: Tags;
}

/** What own code is run by that a stack has, and the command did not name. */
export interface OwnUnnamed {
  handler: string | null;
  runtime: string | null;
}

/** What own code is run by in a function that was found; null where it has none. */
export function ownIn(
  found: { properties: object; attributes: Readonly<Record<string, string>> } | undefined,
): OwnUnnamed | null {
  if (found?.attributes["Owner"] !== "own") return null;
  const { Handler: handler = null, Runtime: runtime = null } = found.properties as Found["properties"];
  return { handler, runtime };
}

/** The options that name it: a place for its folder, and what it is run by. */
export function namesFor({
  handler,
  runtime,
}: OwnUnnamed): Pick<Written<"deploy">, keyof OwnUnnamed | "source"> {
  const usual = defaultSettings();
  return {
    source: "FOLDER",
    handler: handler === null || handler === usual.handler ? undefined : handler,
    runtime: runtime === null || runtime === usual.runtime ? undefined : runtime,
  };
}

/** Not of a stack yet: what adopts it has said what becomes of its code. */
export const isNotYetOurs = (tags: Tags): boolean => isUnclaimed(tags) || isAdoptionBegun(tags);

/** Whether a function of the stack has own code, or code of which nothing says whose it is. */
const mayBeOwn = ({ attributes: { Owner }, tags = {} }: Found): boolean =>
  Owner === "" ? !isNotYetOurs(tags) : Owner === "own";

/** What own code has that is not the stack's to say. */
const ofTheCode = ["CodeSha256", "Runtime", "Handler", "Architectures"] as const;

const keepsOwnIn = (found: Found, { codeFrom, keepsOwn = false }: CodeConfig): boolean =>
  keepsOwn && codeFrom === "shipped" && mayBeOwn(found);

/** What stays of own code that was not named. */
export const staysOfCode = (found: Found, config: CodeConfig): readonly string[] =>
  keepsOwnIn(found, config) ? ofTheCode : [];

/** What becomes of own code, in words. */
export function notesOnCode(found: Found, config: CodeConfig): string[] {
  const { functionName } = config;
  if (isTakenBack(found) && config.codeFrom === "shipped" && config.keepsOwn !== true)
    return [`your own code, which a rollback took back, stays as release ${found.attributes.OwnStays}`];
  if (config.codeFrom === "own" && found.attributes.Owner === "shipped")
    return [`your own code takes the place of the shipped handler in ${functionName}`];
  if (!keepsOwnIn(found, config)) return [];
  const whose = found.attributes.Owner === "own" ? "your own code" : "code of which nothing says whose it is";
  return [`${whose} was not named: it stays in ${functionName}, with its runtime, handler and architecture`];
}

/** Whether own code was taken back by a rollback: it does not serve, and its release stays. */
export const isTakenBack = ({ attributes: { OwnStays } }: Pick<Found, "attributes">): boolean =>
  OwnStays !== "";

/**
 * The shipped handler replaces own code only where that is asked for: leaving an option out does not. Own
 * code that a rollback has taken back is not replaced by it: it does not serve, and stays as a release.
 */
export function refuseToReplaceOwn(found: Found, config: CodeConfig): void {
  const { functionName, codeFrom, replacesCode = false } = config;
  if (codeFrom !== "shipped" || replacesCode || !mayBeOwn(found) || isTakenBack(found)) return;
  const { Handler: handler = null, Runtime: runtime = null } = found.properties;
  throw new CliError("own-code-replaced", `${whoseIn(found, functionName)} by the shipped handler`, {
    hint: [
      "name your code, here or in the config file: ",
      command("deploy", namesFor({ handler, runtime })),
      "; for the shipped handler: ",
      command("deploy", { replaceCode: true }),
    ],
  });
}

function whoseIn({ attributes: { Owner: owner, ShippedServes: serves } }: Found, name: string): string {
  if (serves !== "")
    return (
      `${name} was written last with your own code, which no release would keep (release ${serves} ` +
      "with the shipped handler serves), and this deploy would replace it"
    );
  const whose = owner ? "your own code" : "code that may be your own";
  return `${name} runs ${whose}, and this deploy would replace it`;
}
