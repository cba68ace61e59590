import type { Difference } from "../stack/difference.ts";
import type { Action, Change } from "../stack/engine.ts";
import { KNOWN_AFTER_DEPLOY } from "../stack/resource.ts";
import type { WebSocketStack } from "../stack/stack.ts";

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
  const width = Math.max(0, ...changing.map(({ id }) => id.length));
  const rows = changing.flatMap(({ id, name, action, differences }) => [
    `${signs[action]} ${words[tense][action].padEnd(8)} ${id.padEnd(width)}  ${name}`,
    ...differences.map(({ path, from, to }) => `    ${path}: ${shownValue(from)} → ${shownValue(to)}`),
  ]);
  const counts = (["create", "update", "replace", "none"] as const).map((action) => [action, lines.filter((line) => line.action === action).length] as const);
  const summary = counts
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${count} ${action === "none" ? "unchanged" : tense === "would" ? `to ${action}` : words.did[action]}`);
  return [...rows, "", summary.join(", ")].join("\n");
}
