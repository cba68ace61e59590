import { jsonIn } from "../contract/json.ts";
import { Script, createContext } from "node:vm";
import { CliError } from "../errors/error.ts";
import type { Frame } from "./session.ts";

/**
 * What some received frame has to look like.
 *
 * - `~words` is a regular expression that must match somewhere in the frame's text.
 * - Anything else is JSON and must be a subset of the frame: of an object every given key must match (other
 *   keys do not matter), an array must have the same length and match element by element, strings, numbers,
 *   true, false and null must be equal. A frame that is not JSON counts as a string.
 *
 * With several expectations each must be met by some frame, in any order; one frame may meet more than one.
 */
export interface Expectation {
  /** As it was written. */
  source: string;
  compare(frame: Frame): Comparison;
}

/**
 * How near a frame came: met when there are no differences; `matched` counts the values that are as expected.
 */
export interface Comparison {
  matched: number;
  differences: Mismatch[];
}

/**
 * One value that is not as expected; `path` is written like `$.user.ids[0]`, `actual` is absent where the
 * frame has nothing there.
 */
export interface Mismatch {
  path: string;
  expected: unknown;
  actual?: unknown;
}

/** A pattern may need exponential time on a hostile frame; this stops it (milliseconds). */
const LONGEST_MATCH = 1_000;

/**
 * Reads one `--expect`, or what stands at another place. Throws a CliError (exit 2) for what is neither JSON
 * nor a regular expression.
 */
export function expectation(source: string, place = "--expect"): Expectation {
  return source.startsWith("~") ? patternExpectation(source, place) : subsetExpectation(source);
}

function subsetExpectation(source: string): Expectation {
  const expected = jsonIn(source);
  if (expected === undefined) {
    throw new CliError("expectation-invalid", `--expect ${source} is not JSON`, {
      hint: `for words in a frame use --expect '~${source}'`,
    });
  }
  return {
    source,
    compare: ({ text }) => {
      if (text === undefined) return mismatch("$", expected, "(binary frame)");
      const actual = jsonIn(text);
      return compare(expected, actual === undefined ? text : actual, "$");
    },
  };
}

function patternExpectation(source: string, place: string): Expectation {
  const pattern = regularExpression(source, place);
  const context = createContext({ pattern, text: "" });
  const script = new Script("pattern.test(text)");
  return {
    source,
    compare: ({ text }) => {
      if (text === undefined) return mismatch("$", source, "(binary frame)");
      context["text"] = text;
      return matches(script, context, `${place} ${source}`)
        ? { matched: 1, differences: [] }
        : mismatch("$", source, text);
    },
  };
}

function regularExpression(source: string, place: string): RegExp {
  try {
    return new RegExp(source.slice(1));
  } catch (cause) {
    throw new CliError(
      "expectation-invalid",
      `${place} ${source} is not a regular expression: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** Runs the pattern where it can be stopped: nothing else interrupts a regular expression. */
function matches(script: Script, context: object, what: string): boolean {
  try {
    return script.runInContext(context, { timeout: LONGEST_MATCH }) as boolean;
  } catch (cause) {
    throw new CliError(
      "expectation-slow",
      `${what} took longer than ${LONGEST_MATCH / 1000} s on one frame`,
      {
        hint: "write it without nested repetition such as (a+)+",
        cause,
      },
    );
  }
}

function compare(expected: unknown, actual: unknown, path: string): Comparison {
  if (Array.isArray(expected)) return compareArray(expected, actual, path);
  if (isObject(expected))
    return isObject(actual) ? compareKeys(expected, actual, path) : mismatch(path, expected, actual);
  return expected === actual ? { matched: 1, differences: [] } : mismatch(path, expected, actual);
}

function compareArray(expected: unknown[], actual: unknown, path: string): Comparison {
  if (!Array.isArray(actual) || actual.length !== expected.length) return mismatch(path, expected, actual);
  return joined(expected.map((value, index) => compare(value, actual[index], `${path}[${index}]`)));
}

function compareKeys(
  expected: Record<string, unknown>,
  actual: Record<string, unknown>,
  path: string,
): Comparison {
  return joined(
    Object.entries(expected).map(([key, value]) => {
      const at = `${path}.${key}`;
      return Object.hasOwn(actual, key)
        ? compare(value, actual[key], at)
        : { matched: 0, differences: [{ path: at, expected: value }] };
    }),
  );
}

/**
 * The container itself being of the right kind counts as one match, so an object is nearer to an object than
 * a word is.
 */
const joined = (parts: Comparison[]): Comparison => ({
  matched: 1 + parts.reduce((sum, { matched }) => sum + matched, 0),
  differences: parts.flatMap(({ differences }) => differences),
});

const mismatch = (path: string, expected: unknown, actual: unknown): Comparison => ({
  matched: 0,
  differences: [{ path, expected, actual }],
});
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What became of one expectation: the frame that met it, or the one that came nearest (where any had
 * something right) with what is wrong in it.
 */
export type ExpectationResult =
  | { expected: string; met: true; frame: Frame }
  | { expected: string; met: false; nearest?: { frame: Frame; differences: Mismatch[] } };

/** Follows expectations through a conversation: give it every received frame, ask it what is still open. */
export interface Expectations {
  /** Takes a received frame into account; true when everything that was expected has been met. */
  see(frame: Frame): boolean;
  results(): ExpectationResult[];
}

/** Starts following the given expectations. */
export function expectations(all: readonly Expectation[]): Expectations {
  const states = all.map((one): { one: Expectation; result: ExpectationResult; matched: number } => ({
    one,
    result: { expected: one.source, met: false },
    matched: 0,
  }));
  return {
    see(frame) {
      for (const state of states) {
        if (state.result.met) continue;
        const { matched, differences } = state.one.compare(frame);
        if (differences.length === 0) state.result = { expected: state.one.source, met: true, frame };
        else if (matched > state.matched)
          state.result = { expected: state.one.source, met: false, nearest: { frame, differences } };
        state.matched = Math.max(state.matched, matched);
      }
      return states.length > 0 && states.every(({ result }) => result.met);
    },
    results: () => states.map(({ result }) => result),
  };
}
