import type { Kind } from "./value-types.ts";
import {
  backendUrl,
  functionVariables,
  httpUrl,
  oneNumberOf,
  oneOf,
  seconds,
  several,
  since,
  someOf,
  text,
  wholeNumber,
  yesOrNo,
} from "./value-types.ts";

/** The steps of the README that `deploy --only` can do one by one, in their order. */
export const steps = [
  "role",
  "policy",
  "logs",
  "function",
  "env",
  "api",
  "integration",
  "routes",
  "permission",
  "stage",
  "endpoint",
] as const;
export type Step = (typeof steps)[number];

/** Whom `outputs --for` can be for. */
export const audiences = ["frontend", "backend", "terraform", "github"] as const;
export type Audience = (typeof audiences)[number];

/** What a derived default may look at: values that are settled before it. */
export interface Chosen {
  env?: string | undefined;
  functionName?: string;
}

/** One setting, everywhere it can be given: its option, variable, config key, help and README row come from its entry in the table below. */
export interface Setting<T = unknown> {
  /** The option in commander's words. Without one the setting comes from a variable or the config file only. */
  flag?: string;
  /** Variables, the first one that is set wins. */
  variables?: readonly string[];
  /** The key in the config file. C-07: none for what could send credentials elsewhere, reveal a token, or answer a question for the person. */
  key?: string;
  kind: Kind<T>;
  default?: T;
  /** A default that depends on other settings. */
  derived?(chosen: Chosen): T;
  /** How the README words the derived default. */
  derivedAs?: string;
  meaning: string;
  /** What it means in one of the commands that understand it differently, by the command's name. */
  meaningIn?: Readonly<Record<string, string>>;
  /** Never shown, not even with --debug. */
  secret?: true;
  /** The option may be given several times. */
  repeatable?: true;
  /** Every command takes it. */
  global?: true;
}

const name = (what: string, pattern: RegExp) => text(what, pattern);
const environmentName = name("a name of 1 to 31 lower-case letters, digits and -, a letter first", /^[a-z][a-z0-9-]{0,30}$/);
const functionName = name("a function name: 1 to 64 letters, digits, - and _", /^[A-Za-z0-9_-]{1,64}$/);
const stageName = name("a stage name: 1 to 128 letters, digits, - and _", /^[A-Za-z0-9_-]{1,128}$/);
const roleName = name("a role name: 1 to 64 letters, digits and +=,.@_-", /^[\w+=,.@-]{1,64}$/);
const apiName = name("an API name of 1 to 128 printable characters", /^[\x20-\x7e]{1,128}$/);
const retentionDays = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const prefix = (env: string | undefined) => (env === undefined ? "shelfshack" : `shelfshack-${env}`);

/** Every setting, once. Adding an entry is all that a new setting needs. */
const table = {
  env: {
    flag: "--env <name>",
    variables: ["SHELFSHACK_ENV"],
    key: "env",
    global: true,
    kind: environmentName,
    meaning: "environment; names everything shelfshack-NAME-… and the stage NAME",
  },
  region: {
    flag: "--region <region>",
    variables: ["SHELFSHACK_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
    key: "region",
    global: true,
    kind: name("an AWS region like us-east-1", /^[a-z]{2,4}(-[a-z]+)+-\d$/),
    meaning: "AWS region",
  },
  profile: {
    flag: "--profile <name>",
    variables: ["SHELFSHACK_PROFILE", "AWS_PROFILE"],
    global: true,
    kind: text("a profile's name"),
    meaning: "profile of the AWS configuration to take credentials from",
  },
  config: {
    flag: "--config <file>",
    variables: ["SHELFSHACK_CONFIG"],
    global: true,
    kind: text("a file"),
    meaning: "config file; otherwise shelfshack-ws.config.json here or in a folder above",
  },
  local: {
    flag: "--local",
    variables: ["SHELFSHACK_LOCAL"],
    global: true,
    kind: yesOrNo,
    default: false,
    meaning: "use the local AWS that `shelfshack-ws local` runs",
  },
  endpointUrl: {
    flag: "--endpoint-url <url>",
    variables: ["SHELFSHACK_ENDPOINT_URL", "AWS_ENDPOINT_URL"],
    global: true,
    kind: httpUrl,
    meaning: "send every AWS call to this address",
  },
  json: {
    flag: "--json",
    variables: ["SHELFSHACK_JSON"],
    global: true,
    kind: yesOrNo,
    default: false,
    meaning: "print the result, or the error, as JSON",
  },
  yes: { flag: "--yes", variables: ["SHELFSHACK_YES"], global: true, kind: yesOrNo, default: false, meaning: "ask nothing" },
  quiet: {
    flag: "--quiet",
    variables: ["SHELFSHACK_QUIET"],
    global: true,
    kind: yesOrNo,
    default: false,
    meaning: "show no progress, only warnings and errors",
  },
  debug: {
    flag: "--debug",
    variables: ["SHELFSHACK_DEBUG"],
    global: true,
    kind: yesOrNo,
    default: false,
    meaning: "show where settings come from, details and stack traces",
  },
  color: { flag: "--no-color", variables: ["SHELFSHACK_COLOR"], global: true, kind: yesOrNo, default: true, meaning: "no colours" },

  backendUrl: {
    flag: "--backend-url <url>",
    variables: ["SHELFSHACK_BACKEND_URL"],
    key: "backendUrl",
    kind: backendUrl,
    meaning: "the backend that the function calls, for example https://api.example.com",
  },
  functionName: {
    flag: "--function-name <name>",
    variables: ["SHELFSHACK_FUNCTION_NAME"],
    key: "functionName",
    kind: functionName,
    meaning: "the function's name",
    derived: ({ env }: Chosen) => `${prefix(env)}-websocket-proxy`,
    derivedAs: "shelfshack[-ENV]-websocket-proxy",
  },
  apiName: {
    flag: "--api-name <name>",
    variables: ["SHELFSHACK_API_NAME"],
    key: "apiName",
    kind: apiName,
    meaning: "the WebSocket API's name",
    derived: ({ env }: Chosen) => `${prefix(env)}-websocket-api`,
    derivedAs: "shelfshack[-ENV]-websocket-api",
  },
  stage: {
    flag: "--stage <name>",
    variables: ["SHELFSHACK_STAGE"],
    key: "stage",
    kind: stageName,
    meaning: "the stage's name",
    derived: ({ env }: Chosen) => env ?? "dev",
    derivedAs: "ENV, or dev",
  },
  roleName: {
    flag: "--role-name <name>",
    variables: ["SHELFSHACK_ROLE_NAME"],
    key: "roleName",
    kind: roleName,
    meaning: "the execution role's name",
    // A role's name has 64 characters at most, as a function's.
    derived: ({ functionName = "" }: Chosen) => `${functionName.slice(0, 59)}-role`,
    derivedAs: "FUNCTION-NAME-role",
  },
  memory: {
    flag: "--memory <megabytes>",
    variables: ["SHELFSHACK_MEMORY"],
    key: "memory",
    kind: wholeNumber(128, 10_240, "MB"),
    default: 256,
    meaning: "the function's memory in MB; a larger value that somebody set is kept",
  },
  functionTimeout: {
    variables: ["SHELFSHACK_FUNCTION_TIMEOUT"],
    key: "timeout",
    kind: wholeNumber(1, 900, "seconds"),
    default: 30,
    meaning: "the function's time limit in seconds",
  },
  runtime: {
    flag: "--runtime <runtime>",
    variables: ["SHELFSHACK_RUNTIME"],
    key: "runtime",
    kind: name("a Lambda runtime like nodejs24.x or python3.13", /^(nodejs\d+\.x|python3\.\d+)$/),
    default: "nodejs24.x",
    meaning: "the function's runtime",
  },
  logRetention: {
    flag: "--log-retention <days>",
    variables: ["SHELFSHACK_LOG_RETENTION"],
    key: "logRetention",
    kind: oneNumberOf(retentionDays, "days"),
    default: 30,
    meaning: "days that the function's log is kept",
  },
  account: {
    flag: "--account <id>",
    variables: ["SHELFSHACK_ACCOUNT"],
    key: "account",
    kind: name("an account id of 12 digits, as text", /^\d{12}$/),
    meaning: "the AWS account that it must be; nothing is done in another one",
  },
  allowHttp: {
    flag: "--allow-http",
    variables: ["SHELFSHACK_ALLOW_HTTP"],
    key: "allowHttp",
    kind: yesOrNo,
    default: false,
    meaning: "allow a prod environment with a backend that is not https",
  },
  variables: {
    key: "variables",
    kind: functionVariables,
    default: {},
    secret: true,
    meaning: "more environment variables for the function: an object of names and texts",
  },

  only: {
    flag: "--only <steps>",
    variables: ["SHELFSHACK_ONLY"],
    kind: someOf(steps),
    meaning: `do these steps only: ${steps.join(", ")}`,
  },
  codeOnly: {
    flag: "--code-only",
    variables: ["SHELFSHACK_CODE_ONLY"],
    kind: yesOrNo,
    default: false,
    meaning: "upload the function's code and nothing else",
  },
  dryRun: {
    flag: "--dry-run",
    variables: ["SHELFSHACK_DRY_RUN"],
    kind: yesOrNo,
    default: false,
    meaning: "show what would be done, change nothing",
  },
  test: {
    flag: "--no-test",
    variables: ["SHELFSHACK_TEST"],
    key: "test",
    kind: yesOrNo,
    default: true,
    meaning: "leave out the test at the end",
  },
  exitCode: {
    flag: "--exit-code",
    variables: ["SHELFSHACK_EXIT_CODE"],
    kind: yesOrNo,
    default: false,
    meaning: "exit with 3 when there are differences",
  },

  out: {
    flag: "--out <file>",
    variables: ["SHELFSHACK_OUT"],
    kind: text("a file"),
    default: "websocket_proxy.zip",
    meaning: "the zip to write",
  },
  handler: {
    flag: "--handler <file.function>",
    variables: ["SHELFSHACK_HANDLER"],
    key: "handler",
    kind: name("a handler like index.handler", /^[^\s/.][^\s]*\.[A-Za-z_$][\w$]*$/),
    default: "index.handler",
    meaning: "what Lambda calls: a file of the zip without its ending, a dot, the function",
  },

  port: {
    flag: "--port <port>",
    variables: ["SHELFSHACK_PORT"],
    kind: wholeNumber(0, 65_535),
    default: 4566,
    meaning: "port of the local AWS; 0 takes a free one",
  },
  stateFolder: {
    flag: "--state <folder>",
    variables: ["SHELFSHACK_STATE"],
    kind: text("a folder"),
    meaning: "keep what the local AWS holds in this folder",
  },

  demoBackend: {
    flag: "--backend <kind>",
    variables: ["SHELFSHACK_DEMO_BACKEND"],
    kind: oneOf(["node", "fastapi"]),
    default: "node",
    meaning: "the demo's backend: node, or fastapi (the shipped example; needs Python with fastapi and uvicorn)",
  },
  realistic: {
    flag: "--realistic",
    variables: ["SHELFSHACK_REALISTIC"],
    kind: yesOrNo,
    default: false,
    meaning: "let roles, functions and deployments take as long as on AWS",
  },

  booking: {
    flag: "--booking <id>",
    variables: ["SHELFSHACK_BOOKING"],
    kind: text("a booking's id"),
    meaning: "the booking to connect for; test and the test of a deploy use 1 otherwise",
    meaningIn: { connect: "the booking to connect for" },
  },
  token: {
    flag: "--token <token>",
    variables: ["SHELFSHACK_TOKEN"],
    kind: text("a token"),
    secret: true,
    meaning: "the client's token; better as a variable or with --token-stdin",
  },
  tokenStdin: {
    flag: "--token-stdin",
    variables: ["SHELFSHACK_TOKEN_STDIN"],
    kind: yesOrNo,
    default: false,
    meaning: "read the token from the first line of stdin",
  },
  type: {
    flag: "--type <type>",
    variables: ["SHELFSHACK_TYPE"],
    kind: text("a connection type like booking or chat"),
    default: "booking",
    meaning: "the connection's type",
  },
  url: {
    flag: "--url <url>",
    variables: ["SHELFSHACK_URL"],
    kind: text("a URL"),
    secret: true,
    meaning: "another address than the deployed stage, for example wss://…",
  },
  send: {
    flag: "--send <frame>",
    kind: several("a frame's text"),
    repeatable: true,
    meaning: "send this frame; may be given several times",
  },
  expect: {
    flag: "--expect <frame>",
    kind: several("a part of a JSON frame, or ~ and a regular expression"),
    repeatable: true,
    meaning: "wait 10 s (or --timeout) for a frame that holds this JSON, or matches ~regex; may be given several times",
  },
  timeoutSeconds: {
    flag: "--timeout <seconds>",
    variables: ["SHELFSHACK_TIMEOUT"],
    kind: seconds,
    meaning: "give up after so many seconds",
  },
  event: {
    flag: "--event <file>",
    variables: ["SHELFSHACK_EVENT"],
    kind: text("a file"),
    meaning: "invoke with the event in this JSON file",
  },
  keepalive: {
    flag: "--keepalive <seconds>",
    variables: ["SHELFSHACK_KEEPALIVE"],
    kind: seconds,
    meaning: "send a ping every so many seconds",
  },

  since: {
    flag: "--since <time>",
    variables: ["SHELFSHACK_SINCE"],
    kind: since,
    meaning: "from then on: 90s, 10m, 2h, 3d ago, or an ISO time",
  },
  filter: {
    flag: "--filter <pattern>",
    variables: ["SHELFSHACK_FILTER"],
    kind: text("a filter pattern"),
    meaning: "only lines that match this CloudWatch Logs filter pattern",
  },
  errors: { flag: "--errors", variables: ["SHELFSHACK_ERRORS"], kind: yesOrNo, default: false, meaning: "only errors and warnings" },
  connection: {
    flag: "--connection <id>",
    variables: ["SHELFSHACK_CONNECTION"],
    kind: text("a connection id"),
    meaning: "only lines about this connection",
  },
  follow: {
    flag: "--no-follow",
    variables: ["SHELFSHACK_FOLLOW"],
    kind: yesOrNo,
    default: true,
    meaning: "print what is there and stop: the last hour, or --since",
  },

  outputsFor: {
    flag: "--for <whom>",
    variables: ["SHELFSHACK_FOR"],
    kind: oneOf(audiences),
    meaning: `only what one of them needs, in its own form: ${audiences.join(", ")} (the backend needs the signing keys)`,
  },
  githubOutput: {
    variables: ["GITHUB_OUTPUT"],
    kind: text("a file"),
    meaning: "the file that GitHub Actions reads a step's outputs from; GitHub sets it",
  },
  githubSummary: {
    variables: ["GITHUB_STEP_SUMMARY"],
    kind: text("a file"),
    meaning: "the file that GitHub Actions reads a step's summary from, which a deploy adds to; GitHub sets it",
  },
  backendFile: {
    flag: "--out <file>",
    variables: ["SHELFSHACK_BACKEND_FILE"],
    kind: text("a file"),
    default: "shelfshack_ws.py",
    meaning: "the Python file to write",
  },
  force: {
    flag: "--force",
    kind: yesOrNo,
    default: false,
    meaning: "overwrite the file without asking (backend init); finish a rotation without asking the backend (backend keys)",
    meaningIn: {
      "backend init": "overwrite the file without asking",
      "backend keys": "finish the rotation without asking the backend",
    },
  },
  finish: { flag: "--finish", kind: yesOrNo, default: false, meaning: "end the rotation: drop the older key" },
  showKeys: { flag: "--show-keys", kind: yesOrNo, default: false, meaning: "print the keys themselves" },
  signingKeys: {
    variables: ["SHELFSHACK_SIGNING_KEYS", "SIGNING_KEYS"],
    kind: text("signing keys"),
    secret: true,
    meaning: "the keys to sign with instead of those of the deployed function",
  },
} as const satisfies Record<string, Setting>;

type Table = typeof table;

/** A setting's name in code. */
export type SettingName = keyof Table;

type Value<E> = E extends { kind: Kind<infer T> } ? (E extends { default: unknown } | { derived: unknown } ? T : T | undefined) : never;

/** Every setting's value; `undefined` where none was given and there is no default. */
export type Settings = { [N in SettingName]: Value<Table[N]> };

/** The table for those who walk through it. */
export const settingTable: Readonly<Record<SettingName, Setting>> = table;

/** All names, in the table's order. */
export const settingNames = Object.keys(table) as SettingName[];

/** A value as it may be shown: nothing of a secret, and who misplaces a password in an address must not find it in a log. */
export function shownSetting({ secret, kind }: Setting, value: unknown): string {
  if (secret) return "***";
  return JSON.stringify(typeof value === "string" && kind.shown ? kind.shown(value) : value);
}

/** The process's environment. Nothing else reads it; what a part of the program needs from it is handed to that part. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

/**
 * Tells the AWS SDK what it takes from variables alone. Of a profile that is given in code it ignores the `endpoint_url`. Its advice to leave
 * Node 20 comes with every run otherwise; the floor is this package's to raise, and it says so in its engines.
 */
export function tellSdk({ profile }: Pick<Settings, "profile">): void {
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  if (profile !== undefined) process.env["AWS_PROFILE"] = profile;
}
