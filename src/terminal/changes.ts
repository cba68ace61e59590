import { jsonIn } from "../contract/json.ts";
import { backendKeys, type Invocation } from "../errors/advice.ts";
import type { Difference } from "../stack/difference.ts";
import type { DeployOutcome, LeftLine, Place, Removal, RemovedLine } from "../stack/deploy.ts";
import type { ChangeLine } from "../stack/describe.ts";
import type { Action } from "../stack/engine.ts";
import type { SmokeTest } from "../verify/proof.ts";
import type { Unproven } from "../verify/unproven.ts";
import { isPlain, variableLine } from "./assignments.ts";
import { screenWidth, table, type Row } from "./format.ts";
import { shortCheckLines } from "./checks.ts";
import { continued } from "./record.ts";
import { style } from "./style.ts";

const signs: Readonly<Record<Action, string>> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
  none: " ",
};
const paints: Readonly<Record<Action, (text: string) => string>> = {
  create: style.green,
  update: style.magenta,
  replace: style.magenta,
  delete: style.red,
  none: style.dim,
};
/** What was done to a resource. */
export const didWords: Readonly<Record<Action, string>> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  none: "",
};
const words: Readonly<Record<"would" | "did", Readonly<Record<Action, string>>>> = {
  would: { create: "create", update: "update", replace: "replace", delete: "delete", none: "" },
  did: didWords,
};

const LONGEST_VALUE = 120;
/** How much of what two long values have in common is shown before they part. */
const LEAD = 40;

/** Two values that differ, each short enough for one line: of long ones the part where they do. */
export function shortValues({ from, to }: Difference): { from: string; to: string } {
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
  value === null
    ? "(removed)"
    : typeof value === "string" && value !== ""
      ? value
      : (JSON.stringify(value) ?? "(not set)");

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** One line for each change, and one below it for each value that differs. */
export function renderChanges(
  lines: readonly ChangeLine[],
  tense: "would" | "did",
  width = screenWidth(),
): string {
  const changing = lines.filter(({ action }) => action !== "none");
  const rows = changing.flatMap(({ id, name, action, differences, brings }): Row[] => [
    [`${paints[action](signs[action])} ${words[tense][action]}`, id, name],
    ...(action === "update" ? differences.flatMap(byMember).map(differenceText) : []),
    ...broughtText(brings),
  ]);
  return [table(rows, width), "", summary(lines, tense)].join("\n");
}

/** What comes with a change, a line each. */
export const broughtText = (brings: ChangeLine["brings"]): string[] =>
  brings.flatMap(byMember).map((difference) => `with it ${differenceText(difference)}`);

/** A value of several members that there was none of, member by member: its JSON would be cut. */
export function byMember({ path, from, to }: Difference): Difference[] {
  const isOne = typeof to !== "object" || to === null || Array.isArray(to) || typeof from === "object";
  if (isOne) return [{ path, from, to }];
  return Object.entries(to).map(([key, value]) => ({ path: `${path}.${key}`, from, to: fieldsIn(value) }));
}

/** The fields of a JSON text that is too long to be shown. */
function fieldsIn(value: unknown): unknown {
  if (typeof value !== "string" || value.length <= LONGEST_VALUE) return value;
  const json = jsonIn(value);
  if (typeof json !== "object" || json === null) return value;
  return `JSON with ${Object.keys(json).join(", ")}`;
}

/** One value that differs. */
export function differenceText(difference: Difference): string {
  const { from, to } = shortValues(difference);
  return `${difference.path}: ${from} → ${to}`;
}

function summary(lines: readonly ChangeLine[], tense: "would" | "did"): string {
  const comparedLines = lines.filter(({ compared }) => compared);
  const count = (action: Action) => comparedLines.filter((line) => line.action === action).length;
  const changed = (["create", "update", "replace", "delete"] as const).map(
    (action) => [count(action), tense === "would" ? `to ${action}` : words.did[action]] as const,
  );
  return [
    ...changed,
    [count("none"), "unchanged"] as const,
    [lines.length - comparedLines.length, "not compared"] as const,
  ]
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(", ");
}

/** Where a stack is, in one line. */
export const placeText = ({ account, region, profile, endpointUrl, stack, managedBy }: Place): string =>
  continued(
    [
      `account ${account ?? "unknown"}`,
      `region ${region}`,
      ...(profile === null ? [] : [`profile ${profile}`]),
      ...(endpointUrl === null ? [] : [`at ${endpointUrl}`]),
      `stack ${stack}`,
      ...(managedBy === null ? [] : [`managed by ${managedBy}`]),
    ].join(", "),
  );

/** The variable that a front end built with Vite reads. */
const FRONT_END = "VITE_WS_API_ENDPOINT";

/** The code that a function has after a deploy; the size of one that is not of this run is not known. */
export interface CodeThen {
  bytes: number | null;
  /** In base64, as Lambda's `CodeSha256`. */
  sha256: string;
}

/**
 * What a deploy did (or with `dryRun` would do), how its smoke test ended, where clients connect, and what
 * the front end and the backend need; not where it is, which was mostly said before.
 */
export function deploymentText(
  { changed, resources, code, url, backendUrl }: Omit<DeployOutcome, "code"> & { code: CodeThen | null },
  {
    dryRun = false,
    only,
    test = null,
    unproven = [],
    strict = false,
    localPort,
    width,
  }: DeploymentFacts = {},
): readonly (string | Invocation)[] {
  const upToDate =
    only || code === null ? "no changes" : `no changes; code up to date (sha256 ${code.sha256})`;
  const what = changed ? renderChanges(resources, dryRun ? "would" : "did", width) : upToDate;
  const lines = [
    what,
    ...(test ? ["", ...shortCheckLines(test.checks)] : []),
    ...unprovenLines(unproven, strict),
    ...(url ? addressLines(url) : []),
  ].join("\n");
  const here = localPort === undefined ? {} : { local: true, port: localPort };
  // Own code need not have a backend.
  const hasBackend = url !== null && backendUrl !== null;
  return hasBackend ? [`${lines}\nfor the backend's environment:\n  `, backendKeys(here)] : [lines];
}

/** Where clients connect, with what the front end's environment needs. */
const addressLines = (url: string): string[] => [
  "",
  url,
  ...(isPlain(url) ? ["", "for the front end's environment:", `  ${variableLine(FRONT_END, url)}`] : [""]),
];

/** What was not proven, in a line. */
const unprovenLines = (unproven: readonly Unproven[], strict: boolean): string[] => {
  const what = [...new Set(unproven.map((one) => one.what))].join(" and ");
  return what === "" ? [] : [`not proven: ${what}${strict ? " (exit code 3: --strict)" : ""}`];
};

interface DeploymentFacts {
  dryRun?: boolean;
  /** What it was limited to. */
  only?: readonly string[] | undefined;
  test?: SmokeTest | null;
  unproven?: readonly Unproven[];
  strict?: boolean;
  /** Of a local AWS that the run was not pointed at, and its commands have to be. */
  localPort?: number;
  /** Of the screen, where it is narrower for this. */
  width?: number;
}

/** What was deleted, without what was said before: the list of it, and where it was. */
export function removalText(
  { removed, left, ...place }: Removal,
  {
    isListed = false,
    isPlaced = false,
    width,
  }: { isListed?: boolean; isPlaced?: boolean; width?: number } = {},
): string {
  const where = isPlaced ? [] : [placeText(place)];
  if (removed.length + left.length === 0)
    return [...where, `nothing to remove: there is no stack ${place.stack} in ${place.region}`].join("\n");
  const list = isListed ? [] : [...where, removedText([...removed, ...left], width), ""];
  const stays = left.length > 0 ? [`${left.length} adopted before and left, without our tags`] : [];
  const gone = removed.length > 0 ? [`${removed.length} removed, with everything inside them`] : [];
  return [...list, ...gone, ...stays].join("\n");
}

/** What is deleted or left, one line each; an id of AWS's only where it says more than the name. */
export function removedText(lines: readonly (RemovedLine | LeftLine)[], width = screenWidth()): string {
  return table(
    lines.flatMap((line): Row[] => [
      [
        `${"keeps" in line ? " " : "-"} ${line.id}`,
        line.name,
        line.physicalId.includes(line.name) ? "" : line.physicalId,
      ],
      ...("keeps" in line ? [`was adopted: it stays without our tags, and so do ${line.keeps}`] : []),
    ]),
    width,
  );
}
