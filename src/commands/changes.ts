import type { SettingName } from "../settings.ts";
import type { Difference } from "../stack/difference.ts";
import type { Action, Change } from "../stack/engine.ts";
import { KNOWN_AFTER_DEPLOY } from "../stack/resource.ts";
import { table, type Row } from "../terminal/format.ts";
import { style } from "../terminal/style.ts";
import type { WebSocketStack } from "../stack/stack.ts";

/** The settings that say what the stack is called and made of. */
export const stackOptions = [
  "functionName",
  "apiName",
  "stage",
  "roleName",
  "memory",
  "runtime",
  "logRetention",
  "account",
] as const satisfies readonly SettingName[];

/** One resource in the result of plan, deploy and status. */
export interface ChangeLine {
  id: string;
  type: string;
  name: string;
  action: Action;
  differences: readonly Difference[];
}

/** The changes as plain data, without what is only looked up. */
export const describeChanges = (changes: readonly Change[]): ChangeLine[] =>
  changes
    .filter(({ resource }) => resource.desired)
    .map(({ resource: { id, type, name }, action, differences }) => ({ id, type, name, action, differences }));

/** Where clients connect; null as long as it is not known. */
export function webSocketUrl(stack: WebSocketStack, changes: readonly Change[]): string | null {
  const endpoint = changes.find(({ resource }) => resource === stack.api)?.attributes.ApiEndpoint;
  return endpoint && endpoint !== KNOWN_AFTER_DEPLOY ? `${endpoint}/${stack.stage.name}` : null;
}

const signs: Readonly<Record<Action, string>> = { create: "+", update: "~", replace: "±", none: " " };
const paints: Readonly<Record<Action, (text: string) => string>> = {
  create: style.green,
  update: style.yellow,
  replace: style.yellow,
  none: style.dim,
};
const words: Readonly<Record<"would" | "did", Readonly<Record<Action, string>>>> = {
  would: { create: "create", update: "update", replace: "replace", none: "" },
  did: { create: "created", update: "updated", replace: "replaced", none: "" },
};

/** A value of AWS's or ours, short enough for one line. */
export const shownValue = (value: unknown): string => {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "(not set)");
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
};

/** One line for each change, and one below it for each value that differs. */
export function renderChanges(lines: readonly ChangeLine[], tense: "would" | "did"): string {
  const changing = lines.filter(({ action }) => action !== "none");
  const rows = changing.flatMap(({ id, name, action, differences }): Row[] => [
    [paints[action](`${signs[action]} ${words[tense][action]}`), id, style.dim(name)],
    ...(action === "update" ? differences.map(({ path, from, to }) => `${path}: ${shownValue(from)} → ${shownValue(to)}`) : []),
  ]);
  return [table(rows), "", summary(lines, tense)].join("\n");
}

function summary(lines: readonly ChangeLine[], tense: "would" | "did"): string {
  const count = (action: Action) => lines.filter((line) => line.action === action).length;
  const changed = (["create", "update", "replace"] as const).map(
    (action) => [count(action), tense === "would" ? `to ${action}` : words.did[action]] as const,
  );
  return [...changed, [count("none"), "unchanged"] as const]
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(", ");
}
