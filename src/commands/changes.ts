import type { SettingName } from "../settings/table.ts";
import type { Difference } from "../stack/difference.ts";
import type { Action, Change, Scope } from "../stack/engine.ts";
import { unknownAttributes, type AnyResource } from "../stack/resource.ts";
import { table, type Row } from "../terminal/format.ts";
import { style } from "../terminal/style.ts";
import type { WebSocketStack } from "../resources/stack.ts";

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
  /** False for what `--only` or `--code-only` left out: then nothing is known of it. */
  lookedAt: boolean;
  differences: readonly Difference[];
}

/** The changes as plain data, without what is only looked up; `scope` as the plan or deploy had it. */
export const describeChanges = (changes: readonly Change[], scope: Scope = () => true): ChangeLine[] =>
  changes
    .filter(({ resource }) => resource.desired)
    .map(({ resource, action, differences }) => {
      const { id, type, name } = resource;
      return { id, type, name, action, lookedAt: scope(resource), differences };
    });

/** Where clients connect; null as long as the API or the stage is not there. */
export function webSocketUrl(stack: WebSocketStack, changes: readonly Change[]): string | null {
  const attributesOf = (wanted: AnyResource) =>
    changes.find(({ resource }) => resource === wanted)?.attributes ?? unknownAttributes;
  const isThere = [stack.api, stack.stage].every((resource) => attributesOf(resource) !== unknownAttributes);
  return isThere ? `${attributesOf(stack.api).ApiEndpoint}/${stack.stage.name}` : null;
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

const LONGEST_VALUE = 120;
/** How much of what two long values have in common is shown before they part. */
const LEAD = 40;

/** Two values that differ, each short enough for one line: of long ones the part where they do. */
export function shownValues({ from, to }: Difference): { from: string; to: string } {
  const one = textOf(from);
  const other = textOf(to);
  const isShort = Math.max(one.length, other.length) <= LONGEST_VALUE;
  const start = isShort ? 0 : Math.max(0, commonLength(one, other) - LEAD);
  const end = start + LONGEST_VALUE;
  const cut = (text: string) =>
    `${start > 0 ? "…" : ""}${text.slice(start, end)}${text.length > end ? "…" : ""}`;
  return { from: cut(one), to: cut(other) };
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "(not set)");

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** One line for each change, and one below it for each value that differs. */
export function renderChanges(lines: readonly ChangeLine[], tense: "would" | "did"): string {
  const changing = lines.filter(({ action }) => action !== "none");
  const rows = changing.flatMap(({ id, name, action, differences }): Row[] => [
    [paints[action](`${signs[action]} ${words[tense][action]}`), id, style.dim(name)],
    ...(action === "update" ? differences.map(differenceLine) : []),
  ]);
  return [table(rows), "", summary(lines, tense)].join("\n");
}

function differenceLine(difference: Difference): string {
  const { from, to } = shownValues(difference);
  return `${difference.path}: ${from} → ${to}`;
}

function summary(lines: readonly ChangeLine[], tense: "would" | "did"): string {
  const looked = lines.filter(({ lookedAt }) => lookedAt);
  const count = (action: Action) => looked.filter((line) => line.action === action).length;
  const changed = (["create", "update", "replace"] as const).map(
    (action) => [count(action), tense === "would" ? `to ${action}` : words.did[action]] as const,
  );
  return [
    ...changed,
    [count("none"), "unchanged"] as const,
    [lines.length - looked.length, "not looked at"] as const,
  ]
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(", ");
}
