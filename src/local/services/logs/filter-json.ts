import { jsonIn } from "../../../contract/json.ts";
import { matchesWildcard } from "../../../contract/wildcard.ts";
import { invalidPattern, regexTest } from "./filter-regex.ts";

type Test = (document: unknown) => boolean;

/**
 * `{ ($.level = "ERROR" || $.status >= 500) && $.path != "/health*" }`: comparisons of members of a line that
 * is a JSON object.
 */
export function jsonFilter(pattern: string): (message: string) => boolean {
  const test = new Parser(pattern).filter();
  return (message) => {
    const document = jsonOf(message);
    return document !== undefined && test(document);
  };
}

function jsonOf(message: string): object | undefined {
  // A line that is no JSON matches no JSON filter.
  const value = jsonIn(message);
  return typeof value === "object" && value !== null ? value : undefined;
}

const tokens = [
  /\$(?:\.[\w@-]+|\[\d+\])+/,
  /"(?:\\.|[^"\\])*"/,
  /%(?:\\.|[^%\\])+%/,
  /&&|\|\||!=|<=|>=|[{}()=<>]/,
  /[^\s(){}=<>!&|"]+/,
];
const token = new RegExp(String.raw`\s*(${tokens.map(({ source }) => source).join("|")})\s*`, "y");

/** Reads a filter from left to right; `&&` binds closer than `||`. */
class Parser {
  readonly #pattern: string;
  readonly #tokens: string[] = [];

  constructor(pattern: string) {
    this.#pattern = pattern;
    token.lastIndex = 0;
    while (token.lastIndex < pattern.length) this.#tokens.push(token.exec(pattern)?.[1] ?? this.#refuse());
  }

  filter(): Test {
    this.#expect("{");
    const test = this.#either();
    this.#expect("}");
    return this.#tokens.length === 0 ? test : this.#refuse();
  }

  #either(): Test {
    const tests = [this.#both()];
    while (this.#take("||")) tests.push(this.#both());
    return (document) => tests.some((test) => test(document));
  }

  #both(): Test {
    const tests = [this.#one()];
    while (this.#take("&&")) tests.push(this.#one());
    return (document) => tests.every((test) => test(document));
  }

  #one(): Test {
    if (!this.#take("(")) return this.#comparison();
    const test = this.#either();
    this.#expect(")");
    return test;
  }

  #comparison(): Test {
    const selector = this.#tokens.shift() ?? this.#refuse();
    if (!selector.startsWith("$")) this.#refuse();
    const path = [...selector.matchAll(/\.([\w@-]+)|\[(\d+)\]/g)].map(
      ([, name, index]) => name ?? index ?? "",
    );
    const operator = this.#tokens.shift() ?? this.#refuse();
    const operand = this.#tokens.shift() ?? this.#refuse();
    const compare = comparisons[operator.toUpperCase()]?.(operand) ?? this.#refuse();
    return (document) => compare(valueAt(document, path));
  }

  #take(expected: string): boolean {
    if (this.#tokens[0] !== expected) return false;
    this.#tokens.shift();
    return true;
  }

  #expect(expected: string): void {
    if (!this.#take(expected)) this.#refuse();
  }

  #refuse(): never {
    throw invalidPattern(this.#pattern);
  }
}

/** The tests that an operator makes of its operand; `undefined` is a member that is not there. */
const comparisons: Readonly<Record<string, (operand: string) => Test>> = {
  "=": equal,
  "!=": (operand) => {
    const same = equal(operand);
    return (value) => value !== undefined && !same(value);
  },
  "<": numeric((value, limit) => value < limit),
  "<=": numeric((value, limit) => value <= limit),
  ">": numeric((value, limit) => value > limit),
  ">=": numeric((value, limit) => value >= limit),
  IS: (operand) => (value) => String(value).toUpperCase() === operand.toUpperCase(),
  NOT: () => (value) => value === undefined,
};

function equal(operand: string): Test {
  if (/^%.+%$/.test(operand)) {
    const matches = regexTest(operand.slice(1, -1), operand);
    return (value) => (typeof value === "string" || typeof value === "number") && matches(String(value));
  }
  const text = operand.startsWith('"') ? operand.slice(1, -1).replaceAll(/\\(.)/g, "$1") : operand;
  return (value) =>
    typeof value === "number"
      ? value === Number(text)
      : typeof value === "string" && matchesWildcard(text, value);
}

function numeric(holds: (value: number, limit: number) => boolean): (operand: string) => Test {
  return (operand) => (value) => typeof value === "number" && holds(value, Number(operand));
}

const valueAt = (document: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (at, name) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    document,
  );
