import * as v from "valibot";
import { jsonIn } from "../contract/json.ts";
import { closest } from "../errors/closest.ts";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { shorten } from "../settings/redact.ts";
import type { Subscription } from "./address.ts";
import { expectation, type Expectation } from "./expectation.ts";

/** A step of a script; `line` is where it stands in the file, from 1. */
export type Step = { line: number } & (
  | { kind: "open"; as: string; subscription: Subscription; expectStatus: number | undefined }
  | { kind: "send"; as: string; text: string }
  | { kind: "expect"; as: string; expectation: Expectation; withinMs: number }
  | { kind: "expectNothing"; as: string; forMs: number }
  | { kind: "close"; as: string; code: number }
  | { kind: "pause"; ms: number }
);

/** What a script can be read with: the variables that it names, and what `open` leaves out. */
export interface ScriptContext {
  variables: Readonly<Record<string, string | undefined>>;
  /** The names of variables that it may name besides the tokens of this program. */
  allowed: readonly string[];
  defaults: Subscription;
}

/** More bytes are no script that was written by hand. */
const LONGEST_SCRIPT = 1024 * 1024;
const MOST_STEPS = 10_000;
/** How long an expectation waits that does not say. */
const WITHIN_SECONDS = 10;

const client = v.pipe(
  v.string('expected a client\'s name such as "ann"'),
  v.regex(/^\w[\w.-]{0,30}$/, 'expected a name of 1 to 31 letters, digits, "_", "-" and "."'),
);
const words = "expected a text";
const secondsUpTo = (most: number) => {
  const expected = `expected seconds, at most ${most}`;
  return v.pipe(v.number(expected), v.minValue(0, expected), v.maxValue(most, expected));
};
const tokenName = v.pipe(
  v.string('expected a variable\'s name such as "$SHELFSHACK_ANN_TOKEN", or null for none'),
  v.regex(
    /^\$[A-Za-z_]\w*$/,
    'expected the name of a variable such as "$SHELFSHACK_ANN_TOKEN", and no token itself',
  ),
);
/** Of our own tokens a script may name each; it may be another's, and send all others to a server of his. */
const ownToken = /^SHELFSHACK_(?:[A-Z\d_]+_)?TOKEN$/;
const status = v.pipe(
  v.number("expected an HTTP status"),
  v.integer("expected an HTTP status"),
  v.minValue(200, "expected an HTTP status from 200 to 599"),
  v.maxValue(599, "expected an HTTP status from 200 to 599"),
);
const anything = v.unknown();
const closeCode = v.pipe(
  v.number("expected a close code"),
  v.check(
    (code) => code === 1000 || (code >= 3000 && code <= 4999),
    "expected 1000 or a code from 3000 to 4999",
  ),
);

/** The keys of each kind of step, `as` and the kind's own among them. */
const shapes = {
  open: v.strictObject({
    as: client,
    open: v.strictObject({
      booking: v.optional(v.string(words)),
      type: v.optional(v.string(words)),
      token: v.optional(v.nullable(tokenName)),
    }),
    expectStatus: v.optional(status),
  }),
  send: v.strictObject({ as: client, send: anything }),
  expect: v.strictObject({ as: client, expect: anything, within: v.optional(secondsUpTo(3600)) }),
  expectNothing: v.strictObject({ as: client, expectNothing: secondsUpTo(3600) }),
  close: v.strictObject({ as: client, close: closeCode }),
  pause: v.strictObject({ pause: secondsUpTo(3600) }),
};
type Kind = keyof typeof shapes;
type Written<K extends Kind> = v.InferOutput<(typeof shapes)[K]>;
const kinds = Object.keys(shapes) as Kind[];

/** Reads a script's file. Throws as `readScript` does, also for a file that cannot be read. */
export function readScriptFile(file: string, context: ScriptContext): Step[] {
  const reading = readRegular(file, LONGEST_SCRIPT);
  if ("bytes" in reading) return readScript(reading.bytes.toString(), context);
  throw new CliError("script-invalid", `${JSON.stringify(file)} cannot be read: ${reading.fault}`, {
    hint: "check --script",
  });
}

/**
 * Reads a script as a whole: one JSON object a line, empty lines between them. Throws a CliError (exit 2)
 * that names the line and the key of the first mistake.
 */
export function readScript(text: string, context: ScriptContext): Step[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const open = new Set<string>();
  const steps = lines.flatMap((written, index) => {
    if (written.trim() === "") return [];
    const step = stepIn(written, index + 1, context);
    follow(step, open);
    return [step];
  });
  if (steps.length === 0) throw new CliError("script-invalid", "the script has no steps");
  if (steps.length > MOST_STEPS)
    throw new CliError(
      "script-invalid",
      `the script has ${steps.length} steps; at most ${MOST_STEPS} are run`,
    );
  return steps;
}

const wrong = (line: number, what: string, hint?: string): CliError =>
  new CliError("script-invalid", `line ${line} of the script: ${what}`, { hint });

/** Deeper JSON has no use, and what walks through it has no room on the stack. */
const DEEPEST = 100;

function stepIn(written: string, line: number, context: ScriptContext): Step {
  if (depthOf(written) > DEEPEST) throw wrong(line, `the JSON is nested more than ${DEEPEST} deep`);
  const value = jsonIn(written);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(line, "expected a JSON object");
  const [kind, ...others] = kinds.filter((one) => Object.hasOwn(value, one));
  if (kind === undefined || others.length > 0)
    throw wrong(
      line,
      `expected exactly one of the keys ${kinds.join(", ")}`,
      kind === undefined ? meantIn(Object.keys(value), kinds) : undefined,
    );
  const { success, output, issues } = v.safeParse(shapes[kind], value);
  if (success) return makers[kind](output as never, line, context);
  const [issue] = issues;
  const path = v.getDotPath(issue) ?? "";
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  const isMissing = issue.type === "strict_object" && issue.received === "undefined";
  const what = isUnknown
    ? `unknown key "${path}"`
    : isMissing
      ? `the key "${path}" is missing`
      : `"${path}": ${issue.message}`;
  throw wrong(line, what, isUnknown ? meantIn([path], keysOf(kind)) : undefined);
}

/** All keys that a kind of step can have, those of `open` with their path. */
const keysOf = (kind: Kind): string[] => [
  ...Object.keys(shapes[kind].entries),
  ...(kind === "open" ? Object.keys(shapes.open.entries.open.entries).map((key) => `open.${key}`) : []),
];

/** The key that one of these was most likely to be. */
function meantIn(written: readonly string[], known: readonly string[]): string | undefined {
  const near = written.flatMap((key) => closest(key, known) ?? []);
  return near[0] && `did you mean "${near[0]}"?`;
}

/** How deep brackets are nested, those within texts left out. */
function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  for (const character of json.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")) {
    if (character === "[" || character === "{") deepest = Math.max(deepest, (depth += 1));
    else if (character === "]" || character === "}") depth -= 1;
  }
  return deepest;
}

/** How each kind of step is made of what is written. */
const makers: { [K in Kind]: (written: Written<K>, line: number, context: ScriptContext) => Step } = {
  open: ({ as, open: { token, ...given }, expectStatus }, line, context) => {
    const subscription = { ...context.defaults, ...given };
    if (token !== undefined) subscription.token = token === null ? undefined : valueOf(token, line, context);
    return { line, kind: "open", as, subscription, expectStatus };
  },
  send: ({ as, send }, line) => ({
    line,
    kind: "send",
    as,
    text: typeof send === "string" ? send : JSON.stringify(send),
  }),
  expect: ({ as, expect, within = WITHIN_SECONDS }, line) => {
    const source = typeof expect === "string" && expect.startsWith("~") ? expect : JSON.stringify(expect);
    return {
      line,
      kind: "expect",
      as,
      expectation: expectation(source, `line ${line} of the script:`),
      withinMs: within * 1000,
    };
  },
  expectNothing: ({ as, expectNothing }, line) => ({
    line,
    kind: "expectNothing",
    as,
    forMs: expectNothing * 1000,
  }),
  close: ({ as, close }, line) => ({ line, kind: "close", as, code: close }),
  pause: ({ pause }, line) => ({ line, kind: "pause", ms: pause * 1000 }),
};

function valueOf(token: string, line: number, { variables, allowed }: ScriptContext): string {
  const name = token.slice(1);
  if (!ownToken.test(name) && !allowed.includes(name))
    throw wrong(
      line,
      `"open.token": a script may not name the variable ${shorten(name)}`,
      `to let it, pass --script-env ${shorten(name)}, or name the variable SHELFSHACK_…_TOKEN`,
    );
  const value = variables[name];
  if (!value) throw wrong(line, `"open.token": the variable ${shorten(name)} is not set`);
  return value;
}

/** Refuses what cannot be: a client that talks before it is open, or is opened twice. */
function follow(step: Step, open: Set<string>): void {
  if (step.kind === "pause") return;
  const { line, as } = step;
  if (step.kind !== "open") {
    if (!open.has(as)) throw wrong(line, `"as": ${as} is not open here`);
    if (step.kind === "close") open.delete(as);
    return;
  }
  if (open.has(as)) throw wrong(line, `"as": ${as} is open already`);
  if (step.expectStatus === undefined) open.add(as);
}
