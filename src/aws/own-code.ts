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

/** A function as it was found. */
interface Found {
  properties: { Handler?: string; Runtime?: string };
  /** Whose code it has; empty where nothing says it. */
  attributes: { Owner: CodeOwner | "" };
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
  if (config.codeFrom === "own" && found.attributes.Owner === "shipped")
    return [`your own code takes the place of the shipped handler in ${functionName}`];
  if (!keepsOwnIn(found, config)) return [];
  const whose = found.attributes.Owner === "own" ? "your own code" : "code of which nothing says whose it is";
  return [`${whose} was not named: it stays in ${functionName}, with its runtime, handler and architecture`];
}

/** The shipped handler replaces own code only where that is asked for: leaving an option out does not. */
export function refuseToReplaceOwn(found: Found, config: CodeConfig): void {
  const { functionName, codeFrom, replacesCode = false } = config;
  if (codeFrom !== "shipped" || replacesCode || !mayBeOwn(found)) return;
  const { Owner: owner } = found.attributes;
  const { Handler: handler = null, Runtime: runtime = null } = found.properties;
  throw new CliError(
    "own-code-replaced",
    `${functionName} runs ${owner ? "your own code" : "code that may be your own"}, and this deploy would ` +
      "replace it by the shipped handler",
    {
      hint: [
        "name your code, here or in the config file: ",
        command("deploy", namesFor({ handler, runtime })),
        "; for the shipped handler: ",
        command("deploy", { replaceCode: true }),
      ],
    },
  );
}
