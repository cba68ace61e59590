import { isIP } from "node:net";
import * as v from "valibot";
import { isTakenTag } from "./own-tags.ts";
import { redactUrl, redactWord } from "./redact.ts";
import { hostOrOrigin } from "../contract/host-or-origin.ts";
import { reservedVariables } from "../contract/reserved-variables.ts";
import { isSigningKeys } from "../contract/signature.ts";

/**
 * How a setting's value is read: words from an option or a variable become the JSON that the config file
 * would hold, then one schema checks both.
 */
export interface ValueType<T> {
  /** The JSON value that the words stand for; words that make no sense stay text and fail the schema. */
  parse(text: string): unknown;
  /** Its issues' messages say what is expected. */
  schema: v.GenericSchema<unknown, T>;
  /** How words that were given are shown, where they may hold a secret. */
  redact?(words: string): string;
}

/** A type of what a config file may hold: an editor checks it by its JSON schema, less strictly than here. */
export interface FileType<T> extends ValueType<T> {
  jsonSchema: JsonSchema;
}

/** What we use of JSON Schema, draft 7. */
export interface JsonSchema {
  type?: "string" | "boolean" | "integer" | "number" | "object" | "array";
  items?: JsonSchema;
  anyOf?: readonly JsonSchema[];
  enum?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  propertyNames?: JsonSchema;
  additionalProperties?: JsonSchema | false;
  properties?: Readonly<Record<string, JsonSchema>>;
  description?: string;
  default?: unknown;
}

const asText = (text: string): unknown => text;

/** Any words; with a pattern, only those that match it. */
export function text(expected = "some text", pattern = /\S/): FileType<string> {
  return {
    parse: asText,
    jsonSchema: { type: "string", pattern: pattern.source },
    schema: v.pipe(v.string(`expected ${expected}`), v.regex(pattern, `expected ${expected}`)),
  };
}

/** A file to be written. A lone `-` is stdout elsewhere, and would be a file of that name here. */
export const writtenFile = text("a file; one that is named - is ./-", /^(?!-$)[^]*\S/);

/** An option without a value; a variable says true, 1, yes or false, 0, no. */
export const boolean: FileType<boolean> = {
  jsonSchema: { type: "boolean" },
  parse: (words) => yesOrNoWords.get(words.toLowerCase()) ?? words,
  schema: v.boolean("expected true or false"),
};
const yesOrNoWords = new Map([
  ...["true", "1", "yes"].map((word) => [word, true] as const),
  ...["false", "0", "no", ""].map((word) => [word, false] as const),
]);

/** A number in plain digits, for example 256 or 2.5; not 0x10, 1e3 or an empty word. */
function numberFromText(words: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(words) ? Number(words) : words;
}

/** A whole number between two bounds, both allowed. */
export function wholeNumber(least: number, most: number, unit = ""): FileType<number> {
  const expected = `expected a whole number from ${least} to ${most}${unit && ` ${unit}`}`;
  return {
    jsonSchema: { type: "integer", minimum: least, maximum: most },
    parse: numberFromText,
    schema: v.pipe(
      v.number(expected),
      v.integer(expected),
      v.minValue(least, expected),
      v.maxValue(most, expected),
    ),
  };
}

/** A number above zero, fractions and `1e6` allowed. */
export function amount(most: number): ValueType<number> {
  const expected = `expected a number above 0 and up to ${most}, for example 1000, 0.5 or 1e6`;
  return {
    parse: (words) => (/^\d+(\.\d+)?(e\d{1,2})?$/i.test(words) ? Number(words) : words),
    schema: v.pipe(v.number(expected), v.gtValue(0, expected), v.maxValue(most, expected)),
  };
}

/** A number of seconds above zero, fractions allowed. */
export const seconds: ValueType<number> = {
  parse: numberFromText,
  schema: v.pipe(
    v.number("expected a number of seconds, for example 5 or 0.5"),
    v.gtValue(0, "expected more than 0 seconds"),
    v.maxValue(86_400, "expected at most 86400 seconds"),
  ),
};

/** A span of time as milliseconds: 500ms, 2s, 1.5s. */
export const span: ValueType<number> = {
  parse: (words) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(words) ?? [];
    return digits === undefined ? words : Number(digits) * (unit === "s" ? 1_000 : 1);
  },
  schema: v.number("expected a time like 500ms or 2s"),
};

/** One of a few numbers. */
export function numberChoice(numbers: readonly number[], unit: string): FileType<number> {
  return {
    jsonSchema: { enum: numbers },
    parse: numberFromText,
    schema: v.picklist(numbers, `expected one of ${numbers.join(", ")} ${unit}`),
  };
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[]): FileType<W> {
  return {
    parse: asText,
    jsonSchema: { enum: words },
    schema: v.picklist(words, `expected one of ${words.join(", ")}`),
  };
}

/** Some of a few words, separated by commas. */
export function listOf<const W extends string>(words: readonly W[]): ValueType<W[]> {
  const expected = `expected one or more of ${words.join(", ")}, separated by commas`;
  return {
    parse: (list) => list.split(",").map((word) => word.trim()),
    schema: v.pipe(v.array(v.picklist(words, expected), expected), v.minLength(1, expected)),
  };
}

/** A value of the type, which names `none` in its texts, or that word: it takes away what was set before. */
export function orNone<T>({ parse, schema, jsonSchema }: FileType<T>): FileType<T | "none"> {
  return {
    parse,
    jsonSchema: { anyOf: [jsonSchema, { enum: ["none"] }] },
    schema: v.union([v.literal("none"), schema], "expected a value, or none"),
  };
}

/** Values of a type, each once: a list in a config file, elsewhere with commas; `none` is the empty one. */
export function listInFile({ schema, jsonSchema }: FileType<string>, what: string): FileType<string[]> {
  return {
    parse: (list) => (list === "none" ? [] : list.split(",").map((word) => word.trim())),
    jsonSchema: { type: "array", items: jsonSchema },
    schema: v.pipe(
      v.array(schema, `expected ${what}`),
      v.check((values) => new Set(values).size === values.length, "expected each one once"),
    ),
  };
}

/** Values of a type, separated by commas. */
export function someOf({ schema }: ValueType<string>, what: string): ValueType<string[]> {
  return {
    parse: (list) => list.split(",").map((word) => word.trim()),
    schema: v.pipe(v.array(schema), v.minLength(1, `expected ${what}, separated by commas`)),
  };
}

/** An option that may be given several times, each time with words that match the pattern. */
export function repeatable(expected: string, pattern = /^/): ValueType<string[]> {
  const message = `expected ${expected}`;
  return { parse: asText, schema: v.array(v.pipe(v.string(message), v.regex(pattern, message))) };
}

/** Such an option for hosts and origins; a variable has them separated by commas. */
export const hostsOrOrigins: ValueType<string[]> = {
  parse: (list) => list.split(","),
  schema: v.array(
    v.pipe(
      v.string(),
      v.rawTransform(
        ({ dataset, addIssue, NEVER }) =>
          hostOrOrigin(dataset.value) ??
          (addIssue({
            message: "expected a host like my-mac.local, or an origin like capacitor://localhost",
          }),
          NEVER),
      ),
    ),
  ),
};

/** An IP address, of either version. */
export const ipAddress: ValueType<string> = {
  parse: asText,
  schema: v.pipe(
    v.string("expected an IP address"),
    v.check((words) => isIP(words) !== 0, "expected an IP address like 192.168.1.5, or 0.0.0.0 for all"),
  ),
};

/** A point in time as milliseconds since 1970: an age like 90s, 10m, 2h, 3d, or an ISO time. */
export const since: ValueType<number> = {
  parse: asText,
  schema: v.pipe(
    v.string(),
    v.rawTransform(
      ({ dataset, addIssue, NEVER }) =>
        timeOf(dataset.value) ??
        (addIssue({
          message: "expected an age like 90s, 10m, 2h or 3d, or a time like 2026-11-23T10:00:00Z",
        }),
        NEVER),
    ),
  ),
};

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function timeOf(words: string): number | undefined {
  const age = /^(\d+(?:\.\d+)?)([smhd])$/.exec(words);
  if (age) return Math.round(Date.now() - Number(age[1]) * (unitMs[age[2] ?? ""] ?? 0));
  const time = /^\d{4}-\d\d-\d\d/.test(words) ? Date.parse(words) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** An address to call with `http` or `https`, kept as it was written. */
export const httpUrl: ValueType<string> = {
  parse: asText,
  schema: v.pipe(
    v.string("expected a URL"),
    v.check(
      (words) => /^https?:$/.test(urlOf(words)?.protocol ?? ""),
      "expected a URL that begins with http:// or https://",
    ),
  ),
  redact: redactUrl,
};

/** The backend's base address: what CONTRACT.md 7 allows, without the slash at its end. */
export const backendUrl: FileType<string> = {
  jsonSchema: { type: "string", pattern: "^[hH][tT][tT][pP][sS]?://[^/\\\\]" },
  parse: asText,
  schema: v.pipe(
    v.string("expected a URL like https://api.example.com"),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const fault = backendUrlFaults.find(({ when }) => when(dataset.value));
      if (!fault) return dataset.value.replace(/\/+$/, "");
      addIssue({ message: fault.message });
      return NEVER;
    }),
  ),
  redact: redactUrl,
};

const urlOf = (words: string): URL | undefined => (URL.canParse(words) ? new URL(words) : undefined);
const part = (words: string, name: "protocol" | "username" | "password" | "hostname") =>
  urlOf(words)?.[name] ?? "";

/** What a backend URL must not be, most telling first. */
const backendUrlFaults: readonly { when(words: string): boolean; message: string }[] = [
  {
    when: (words) => words.trim() === "",
    message: "expected a URL like https://api.example.com, but it is empty",
  },
  {
    when: (words) => !/^https?:\/\/[^/\\]/i.test(words),
    message: "expected a URL that begins with http:// or https:// and a host",
  },
  { when: (words) => !URL.canParse(words), message: "expected a URL like https://api.example.com" },
  {
    when: (words) =>
      part(words, "username") + part(words, "password") !== "" || /^[^/]*\/\/[^/]*@/.test(words),
    message: "expected a URL without user and password",
  },
  {
    when: (words) => /[?#]/.test(words),
    message: "expected a URL without ? or #; only the host and a base path belong here",
  },
  {
    when: (words) => /[\s\\<>"{}|^`\p{Cc}]/u.test(words),
    message: 'expected a path without spaces and without the characters \\ < > " { } | ^ `',
  },
  {
    when: (words) => /\/\/.*\/\/|\/(\.|%2e){1,2}(\/|$)/i.test(words),
    message: "expected a path without //, . or ..",
  },
  {
    when: (words) => /%(?![0-9a-f]{2})/i.test(words),
    message: "expected a path whose % signs are followed by two hexadecimal digits",
  },
  {
    when: (words) => isLinkLocal(part(words, "hostname")),
    message: "expected a backend; link-local and metadata addresses are refused",
  },
];

/**
 * 169.254.0.0/16, also written as IPv6, fe80::/10 and AWS's own fd00:ec2::/32; the handler refuses the same
 * ones. The URL parser has already normalised 0xa9fe0001 and its like.
 */
function isLinkLocal(host: string): boolean {
  return /^169\.254\.|^\[(fe[89ab][0-9a-f]|fd00:ec2|::(ffff:)?a9fe):/.test(host);
}

const variableName = /^[A-Za-z][A-Za-z0-9_]+$/;
/** Lambda refuses these, or the deploy sets them itself. */
const takenVariables = [...reservedVariables, "BACKEND_URL", "API_GATEWAY_ENDPOINT"];

/**
 * What makes a program load or run something, trust someone, or send its calls elsewhere. The map of
 * variables comes from a file, which may be another's, so none of them is taken (FAULTS.md F-01).
 */
const orders: readonly RegExp[] = [
  /^NODE_(?!ENV$|DEBUG$|NO_WARNINGS$)/i,
  /^(PYTHON|(LD|DYLD|OPENSSL|GIT|SSH|DOTNET|COMPLUS|CORECLR|BASH|NPM_CONFIG)_)/i,
  /^(PATH|HOME|SHELL|IFS|PS4|CDPATH|PROMPT_COMMAND|TMPDIR|TEMP|TMP|EDITOR|VISUAL|PAGER|BROWSER)$/i,
  /^(SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE|\w*CA_(BUNDLE|CERTS?|FILE|PATH)|\w*_PROXY)$/i,
  /^(GLIBC_TUNABLES|GCONV_PATH|LOCPATH|MALLOC_\w+|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|RESOLV_\w+)$/i,
  /^(JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|RUBY(OPT|LIB)|GEM_(HOME|PATH)|PERL5\w+|PERLLIB)$/i,
  // Of AWS's own only those that neither name an address nor a file, a credential or a program.
  /^AWS_(?!(XRAY_(CONTEXT_MISSING|TRACING_NAME|LOG_LEVEL)|MAX_ATTEMPTS|RETRY_MODE|USE_\w+_ENDPOINT)$)/i,
];
const isOrder = (name: string): boolean => orders.some((order) => order.test(name));

/** A path below the backend's address, as the handler takes it. */
const isPath = (words: string): boolean =>
  /^\/[\w\-.~%!$&'()*+,;=:@/]*$/.test(words) && !words.startsWith("//") && !words.split("/").includes("..");
const aPath = "expected a path such as /api/ws/message";

/**
 * The handler's own variables: with a wrong one it refuses every client (handler/config.ts), so it is refused
 * before it gets there.
 */
const handlerVariables: Readonly<Record<string, { isRight(words: string): boolean; expected: string }>> = {
  SIGNING_KEYS: {
    isRight: isSigningKeys,
    expected: "expected one or two keys, each whsec_ and the base64 of 24 to 64 bytes",
  },
  REGISTER_PATH: {
    isRight: (words) => isPath(words.trim().replaceAll(/\{(type|booking_id)\}/g, "x")),
    expected: aPath,
  },
  MESSAGE_PATH: { isRight: (words) => isPath(words.trim()), expected: aPath },
  DISCONNECT_PATH: { isRight: (words) => isPath(words.trim()), expected: aPath },
  BACKEND_TIMEOUT_MS: {
    isRight: (words) => /^\s*\d+\s*$/.test(words) && Number(words) >= 1 && Number(words) <= 29_000,
    expected: "expected milliseconds from 1 to 29000",
  },
  LOG_LEVEL: {
    isRight: (words) => /^(debug|info|warn|error)$/i.test(words),
    expected: "expected one of DEBUG, INFO, WARN, ERROR",
  },
};

/** The variables whose values are checked. */
export const checkedVariables: readonly string[] = ["BACKEND_URL", ...Object.keys(handlerVariables)];

const aVariableName = "expected a variable's name: two or more letters, digits and _, a letter first";
const setItself = (by: string) => `expected another name: it is reserved, ${by} sets it itself`;
/** An empty one is none for the handler. */
const isUnset = (name: string, words: string): boolean =>
  name === "SIGNING_KEYS" ? words === "" : words.trim() === "";

/** What the handler cannot read, in words; undefined for what it takes. */
function handlerFault(name: string, words: string): string | undefined {
  const rule = Object.hasOwn(handlerVariables, name) ? handlerVariables[name] : undefined;
  return !rule || isUnset(name, words) || rule.isRight(words) ? undefined : rule.expected;
}

/** Why a variable is refused, and what of it may be shown: its name, and its value if it is an address. */
export interface RefusedVariable {
  fault: string;
  name: string;
  value?: string;
}

/** Why a person may not set a variable of this name; undefined where he may. */
export function refusedVariable(name: string): RefusedVariable | undefined {
  // What stands in front of a `=` may be the most part of a key in base64.
  if (!variableName.test(name)) return { fault: aVariableName, name: JSON.stringify(redactWord(name)) };
  if (reservedVariables.includes(name)) return { fault: setItself("Lambda"), name };
  if (name === "API_GATEWAY_ENDPOINT") return { fault: setItself("deploy"), name };
  return undefined;
}

/**
 * A variable of the function that a person sets one by one: what is written, or why it is refused. Unlike one
 * in a file it may have any name that Lambda takes.
 */
export function readVariable(name: string, words: string): { value: string } | RefusedVariable {
  const refused = refusedVariable(name);
  if (refused) return refused;
  if (name !== "BACKEND_URL") {
    const fault = handlerFault(name, words);
    return fault === undefined ? { value: words } : { fault, name };
  }
  const { success, output, issues } = v.safeParse(backendUrl.schema, words);
  if (success) return { value: output };
  const value = URL.canParse(words) ? redactUrl(words) : redactWord(redactUrl(words));
  return { fault: issues[0].message, name, value };
}

/**
 * More variables for the function: names that Lambda accepts and the deploy does not set itself, and for the
 * handler's own what it can read.
 */
export const functionVariables: FileType<Record<string, string>> = {
  jsonSchema: {
    type: "object",
    propertyNames: { type: "string", pattern: variableName.source },
    additionalProperties: { type: "string" },
  },
  parse: asText,
  schema: v.pipe(
    v.custom<object>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      "expected an object of strings",
    ),
    v.record(v.string(), v.string('expected a string, such as "1"')),
    v.record(
      v.pipe(
        v.string(),
        v.regex(variableName, aVariableName),
        v.check(
          (name) => !takenVariables.includes(name),
          ({ input }) => setItself(reservedVariables.includes(input) ? "Lambda" : "deploy"),
        ),
        v.check(
          (name) => takenVariables.includes(name) || !isOrder(name),
          "expected a name that gives no orders to programs; set on the function by hand it is kept",
        ),
      ),
      v.string(),
    ),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const input = dataset.value;
      for (const [key, value] of Object.entries(input)) {
        const message = handlerFault(key, value);
        if (message === undefined) continue;
        addIssue({ message, path: [{ type: "object", origin: "value", input, key, value }] });
      }
    }),
  ),
};

/** What a tag's name and value may hold, wherever AWS keeps tags (AWS.md 4.9). */
const tagCharacters = "\\p{L}\\p{Z}\\p{N}_.:/+\\-@";
/** AWS takes `=` in a name too; on the command line it ends the name. */
const tagName = new RegExp(`^[${tagCharacters}]{1,128}$`, "u");
const tagValue = new RegExp(`^[${tagCharacters}=]{0,256}$`, "u");
/** AWS keeps 50 (AWS.md 4.9): some are for the stack's own, whose number depends on the names. */
const MOST_TAGS = 40;

/** Words such as `team=x` as the members of an object; other words as they are, which no schema takes. */
const asTags = (words: readonly unknown[]): unknown =>
  words.every((word) => typeof word === "string" && word.indexOf("=") > 0)
    ? Object.fromEntries(
        words.map((word) => [String(word).replace(/=.*/s, ""), String(word).replace(/^[^=]*=/, "")]),
      )
    : words;

const namesOf = (tags: object): string[] => Object.keys(tags).map((name) => name.toLowerCase());

/**
 * Tags by name: an object in a config file, elsewhere words like `team=x`, in a variable with commas. What
 * AWS would refuse of any of the stack's resources is refused here.
 */
export const resourceTags: FileType<Record<string, string>> = {
  jsonSchema: {
    type: "object",
    propertyNames: { type: "string", pattern: tagName.source },
    additionalProperties: { type: "string", pattern: tagValue.source },
  },
  parse: (list) => asTags(list.split(",")),
  schema: v.pipe(
    v.unknown(),
    v.transform((given) => (Array.isArray(given) ? asTags(given) : given)),
    v.custom<object>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      "expected tags like team=x, or an object of strings",
    ),
    v.record(
      v.pipe(
        v.string(),
        v.regex(tagName, "expected a name of 1 to 128 letters, digits, spaces and _.:/+-@"),
        v.check(
          (name) => !isTakenTag(name),
          "expected another name: aws:, shelfshack-ws: and ManagedBy are taken",
        ),
      ),
      v.pipe(
        v.string('expected a string, such as "1"'),
        v.regex(tagValue, "expected a value of at most 256 letters, digits, spaces and _.:/=+-@"),
      ),
    ),
    v.check((tags) => namesOf(tags).length <= MOST_TAGS, `expected at most ${MOST_TAGS} tags`),
    v.check(
      (tags) => new Set(namesOf(tags)).size === namesOf(tags).length,
      "expected each name once: IAM tells upper and lower case apart in none",
    ),
  ),
};

/** API Gateway's own keys begin with `$` (AWS.md 1.7); an API has 300 routes (AWS.md 1.12), three those. */
const routeKey = /^(?!\$)[\x21-\x2b\x2d-\x7e]{1,128}$/;
const MOST_ROUTES = 297;

/** Keys of routes: a list in a config file, one by one as an option, in a variable with commas. */
export const routeKeys: FileType<string[]> = {
  parse: (list) => list.split(",").map((word) => word.trim()),
  jsonSchema: { type: "array", items: { type: "string", pattern: routeKey.source } },
  schema: v.pipe(
    v.array(
      v.pipe(
        v.string("expected a route key like ping"),
        v.regex(
          routeKey,
          "expected a key of 1 to 128 printable characters without spaces and commas, and not with $ first",
        ),
      ),
      "expected a list of route keys",
    ),
    v.maxLength(MOST_ROUTES, `expected at most ${MOST_ROUTES} keys`),
    v.check((keys) => new Set(keys).size === keys.length, "expected each one once"),
  ),
};
