import { shorten } from "./redact.ts";
import { thresholds } from "./threshold.ts";
import type { FileType, ValueType } from "./value-types.ts";
import {
  amount,
  backendUrl,
  functionVariables,
  hostsOrOrigins,
  httpUrl,
  ipAddress,
  numberChoice,
  choice,
  seconds,
  span,
  repeatable,
  resourceTags,
  routeKeys,
  since,
  listInFile,
  listOf,
  orNone,
  someOf,
  text,
  wholeNumber,
  writtenFile,
  boolean,
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
/** Those that publish a release where they change anything. */
export const releasing: readonly Step[] = ["function", "env", "endpoint"];

/** The steps that may run after a rollback: what is released next would serve clients. */
export const withoutReleasing = (all: readonly Step[]): Step[] =>
  all.filter((step) => !releasing.includes(step));

/** The audiences of `outputs --for`. */
const audiences = ["frontend", "backend", "terraform", "github", "dotenv", "amplify"] as const;
export type Audience = (typeof audiences)[number];

/** What a derived default may use: values that are resolved before it. */
export interface Chosen {
  env?: string | undefined;
  functionName?: string;
  /** Whether a CI system runs this. */
  isCi?: boolean;
}

/**
 * One setting, everywhere it can be given: its option, variable, config key, help and README row come from
 * its entry in the table below.
 */
export type Setting<T = unknown> = Described<T> & (InFile<T> | OutsideFile<T>);

interface InFile<T> {
  /**
   * The key in the config file. FAULTS.md C-07: none for what could send credentials elsewhere, reveal a
   * token, or answer a question for the person.
   */
  key: string;
  type: FileType<T>;
}

interface OutsideFile<T> {
  key?: never;
  type: ValueType<T>;
}

interface Described<T> {
  /**
   * The option in commander's words. Without one the setting comes from a variable or the config file only.
   */
  flag?: string;
  /** Variables, the first one that is set wins. */
  env?: readonly string[];
  default?: T;
  /** A default that depends on other settings. */
  defaultFrom?(chosen: Chosen): T;
  /** How help and README word a default that is not a plain value. */
  defaultText?: string;
  description: string;
  /** What it may be, where that is a list: the help and the README show it behind the description. */
  values?: readonly string[];
  /** What it means in one of the commands that understand it differently, by the command's name. */
  descriptionIn?: Readonly<Record<string, string>>;
  /** Never shown, not even with --debug. */
  secret?: true;
  /** There is `--no-…` too, as it may be on by default. */
  negatable?: true;
  /** The option may be given several times. */
  repeatable?: true;
  /** Every command takes it. */
  global?: true;
  /** Names a place on this machine: in the config file beside that file, not where the command runs. */
  path?: true;
}

const name = (what: string, pattern: RegExp) => text(what, pattern);
/** An environment's name: in other names' beginnings, and as a key in the config file. */
export const environmentName = name(
  "a name of 1 to 31 lower-case letters, digits and -, a letter first",
  /^[a-z][a-z0-9-]{0,30}$/,
);
const functionName = name("a function name: 1 to 64 letters, digits, - and _", /^[A-Za-z0-9_-]{1,64}$/);
const stageName = name("a stage name: 1 to 128 letters, digits, - and _", /^[A-Za-z0-9_-]{1,128}$/);
const roleName = name("a role name: 1 to 64 letters, digits and +=,.@_-", /^[\w+=,.@-]{1,64}$/);
const apiName = name("an API name of 1 to 128 printable characters", /^[\x20-\x7e]{1,128}$/);
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
const prefix = (env: string | undefined) => (env === undefined ? "shelfshack" : `shelfshack-${env}`);

/** Every setting, once. A new one is an entry, and its name in the rows of `settings/commands`. */
const table = {
  env: {
    flag: "--env <name>",
    env: ["SHELFSHACK_ENV"],
    key: "env",
    global: true,
    type: environmentName,
    description: "environment; prefixes all names with shelfshack-NAME",
  },
  region: {
    flag: "--region <region>",
    env: ["SHELFSHACK_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
    key: "region",
    global: true,
    type: name("an AWS region like us-east-1", /^[a-z]{2,4}(-[a-z]+)+-\d$/),
    description: "AWS region",
  },
  profile: {
    flag: "--profile <name>",
    env: ["SHELFSHACK_PROFILE", "AWS_PROFILE"],
    global: true,
    type: text("a profile's name"),
    description: "AWS profile to use",
  },
  config: {
    flag: "--config <file>",
    env: ["SHELFSHACK_CONFIG"],
    global: true,
    type: text("a file"),
    description: "config file",
    defaultText: "nearest shelfshack-ws.config.json",
  },
  local: {
    flag: "--local",
    env: ["SHELFSHACK_LOCAL"],
    global: true,
    type: boolean,
    default: false,
    description: "use the local AWS (start it: `shelfshack-ws local`)",
  },
  endpointUrl: {
    flag: "--endpoint-url <url>",
    env: ["SHELFSHACK_ENDPOINT_URL", "AWS_ENDPOINT_URL"],
    global: true,
    type: httpUrl,
    description: "send every AWS call to this address",
  },
  json: {
    flag: "--json",
    env: ["SHELFSHACK_JSON"],
    global: true,
    type: boolean,
    default: false,
    description: "print the result, or the error, as JSON",
  },
  yes: {
    flag: "--yes",
    env: ["SHELFSHACK_YES"],
    global: true,
    type: boolean,
    default: false,
    description: "skip confirmation prompts",
  },
  quiet: {
    flag: "--quiet",
    env: ["SHELFSHACK_QUIET"],
    global: true,
    type: boolean,
    default: false,
    description: "show no progress, only warnings and errors",
  },
  debug: {
    flag: "--debug",
    env: ["SHELFSHACK_DEBUG"],
    global: true,
    type: boolean,
    default: false,
    description: "show where settings come from, details and stack traces",
  },
  color: {
    flag: "--no-color",
    env: ["SHELFSHACK_COLOR"],
    global: true,
    type: boolean,
    default: true,
    description: "print no colours",
  },

  backendUrl: {
    flag: "--backend-url <url>",
    env: ["SHELFSHACK_BACKEND_URL"],
    key: "backendUrl",
    type: backendUrl,
    description: "the backend that the function calls, like https://api.example.com",
  },
  functionName: {
    flag: "--function-name <name>",
    env: ["SHELFSHACK_FUNCTION_NAME"],
    key: "functionName",
    type: functionName,
    description: "the function's name",
    defaultFrom: ({ env }: Chosen) => `${prefix(env)}-websocket-proxy`,
    defaultText: "shelfshack[-ENV]-websocket-proxy",
  },
  apiName: {
    flag: "--api-name <name>",
    env: ["SHELFSHACK_API_NAME"],
    key: "apiName",
    type: apiName,
    description: "the WebSocket API's name",
    defaultFrom: ({ env }: Chosen) => `${prefix(env)}-websocket-api`,
    defaultText: "shelfshack[-ENV]-websocket-api",
  },
  stage: {
    flag: "--stage <name>",
    env: ["SHELFSHACK_STAGE"],
    key: "stage",
    type: stageName,
    description: "the stage's name",
    defaultFrom: ({ env }: Chosen) => env ?? "dev",
    defaultText: "ENV, or dev",
  },
  roleName: {
    flag: "--role-name <name>",
    env: ["SHELFSHACK_ROLE_NAME"],
    key: "roleName",
    type: roleName,
    description: "the execution role's name",
    // A role's name has 64 characters at most, as a function's.
    defaultFrom: ({ functionName = "" }: Chosen) => `${functionName.slice(0, 59)}-role`,
    defaultText: "FUNCTION-NAME-role",
  },
  roleArn: {
    flag: "--role-arn <arn>",
    env: ["SHELFSHACK_ROLE_ARN"],
    key: "roleArn",
    type: name(
      "a role's ARN like arn:aws:iam::123456789012:role/proxy",
      /^arn:aws[a-z-]*:iam::\d{12}:role\/([\x21-\x7e]+\/)?[\w+=,.@-]{1,64}$/,
    ),
    description: "a role that others own: it is used, never changed or deleted",
  },
  rolePath: {
    flag: "--role-path <path>",
    env: ["SHELFSHACK_ROLE_PATH"],
    key: "rolePath",
    type: name("a path like /team/", /^\/([\x21-\x7e]{1,500}\/)?$/),
    description: "the execution role's path, like /team/",
  },
  permissionsBoundary: {
    flag: "--permissions-boundary <arn>",
    env: ["SHELFSHACK_PERMISSIONS_BOUNDARY"],
    key: "permissionsBoundary",
    type: name(
      "a policy's ARN like arn:aws:iam::123456789012:policy/boundary",
      /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\x21-\x7e]+$/,
    ),
    description: "policy that the execution role can never exceed",
  },
  memory: {
    flag: "--memory <megabytes>",
    env: ["SHELFSHACK_MEMORY"],
    key: "memory",
    type: wholeNumber(128, 10_240, "MB"),
    default: 256,
    description: "the function's memory in MB; a larger existing value is kept",
    descriptionIn: { cost: "the function's memory in MB" },
  },
  functionTimeout: {
    flag: "--function-timeout <seconds>",
    env: ["SHELFSHACK_FUNCTION_TIMEOUT"],
    key: "timeout",
    type: wholeNumber(1, 900, "seconds"),
    default: 30,
    description: "the function's time limit in seconds",
  },
  runtime: {
    flag: "--runtime <runtime>",
    env: ["SHELFSHACK_RUNTIME"],
    key: "runtime",
    type: name("a Lambda runtime like nodejs24.x or python3.13", /^(nodejs\d+\.x|python3\.\d+)$/),
    default: "nodejs24.x",
    description: "the function's runtime",
  },
  logRetention: {
    flag: "--log-retention <days>",
    env: ["SHELFSHACK_LOG_RETENTION"],
    key: "logRetention",
    type: numberChoice(retentionDays, "days"),
    default: 30,
    description: "days that the function's log is kept",
  },
  accessLogs: {
    flag: "--access-logs <state>",
    env: ["SHELFSHACK_ACCESS_LOGS"],
    key: "accessLogs",
    type: choice(["on", "off"]),
    description: "on or off: API Gateway's own log of every event; by default unchanged",
  },
  keepReleases: {
    flag: "--keep-releases <number>",
    env: ["SHELFSHACK_KEEP_RELEASES"],
    key: "keepReleases",
    type: wholeNumber(2, 100, "releases"),
    default: 5,
    description: "releases that are kept for a rollback",
  },
  kmsKey: {
    flag: "--kms-key <arn>",
    env: ["SHELFSHACK_KMS_KEY"],
    key: "kmsKey",
    type: name(
      "a KMS key's ARN like arn:aws:kms:us-east-1:123456789012:key/ID",
      /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/,
    ),
    description: "KMS key for the function's variables, signing keys among them",
  },
  architecture: {
    flag: "--architecture <name>",
    env: ["SHELFSHACK_ARCHITECTURE"],
    key: "architecture",
    type: choice(["x86_64", "arm64"]),
    description: "the function's processor",
    values: ["x86_64", "arm64"],
  },
  reservedConcurrency: {
    flag: "--reserved-concurrency <number>",
    env: ["SHELFSHACK_RESERVED_CONCURRENCY"],
    key: "reservedConcurrency",
    type: orNone(wholeNumber(1, 100_000, "invocations at a time, or none")),
    description: "invocations at a time kept for the function; none: the account's",
  },
  subnets: {
    flag: "--subnets <ids>",
    env: ["SHELFSHACK_SUBNETS"],
    key: "subnets",
    type: listInFile(name("a subnet like subnet-0a1b2c3d", /^subnet-[0-9a-z]{1,57}$/), "subnets' ids"),
    description: "subnets of a VPC that the function calls from; none to leave it",
  },
  securityGroups: {
    flag: "--security-groups <ids>",
    env: ["SHELFSHACK_SECURITY_GROUPS"],
    key: "securityGroups",
    type: listInFile(
      name("a security group like sg-0a1b2c3d", /^sg-[0-9a-zA-Z]{1,61}$/),
      "security groups' ids",
    ),
    description: "security groups of the function in its VPC",
  },
  tracing: {
    flag: "--tracing <mode>",
    env: ["SHELFSHACK_TRACING"],
    key: "tracing",
    type: choice(["Active", "PassThrough"]),
    description: "X-Ray traces of the function",
    values: ["Active", "PassThrough"],
  },
  logFormat: {
    flag: "--log-format <format>",
    env: ["SHELFSHACK_LOG_FORMAT"],
    key: "logFormat",
    type: choice(["Text", "JSON"]),
    description: "the form of Lambda's own log lines",
    values: ["Text", "JSON"],
  },
  logLevel: {
    flag: "--log-level <level>",
    env: ["SHELFSHACK_LOG_LEVEL"],
    key: "logLevel",
    type: choice(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
    description: "the least level that Lambda logs; needs `--log-format JSON`",
    values: ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"],
  },
  throttleRate: {
    flag: "--throttle-rate <number>",
    env: ["SHELFSHACK_THROTTLE_RATE"],
    key: "throttleRate",
    type: wholeNumber(1, 1_000_000, "a second"),
    description: "messages and handshakes a second that the stage takes",
  },
  throttleBurst: {
    flag: "--throttle-burst <number>",
    env: ["SHELFSHACK_THROTTLE_BURST"],
    key: "throttleBurst",
    type: wholeNumber(1, 1_000_000, "at once"),
    description: "messages and handshakes at once that the stage takes",
  },
  routes: {
    flag: "--route <key>",
    env: ["SHELFSHACK_ROUTES"],
    key: "routes",
    type: routeKeys,
    repeatable: true,
    default: [],
    defaultText: "none",
    description: "further route key for messages whose action is this; repeatable",
  },
  account: {
    flag: "--account <id>",
    env: ["SHELFSHACK_ACCOUNT"],
    key: "account",
    type: name("an account id of 12 digits, as text", /^\d{12}$/),
    description: "refuse to run against any other AWS account",
  },
  allowHttp: {
    flag: "--allow-http",
    env: ["SHELFSHACK_ALLOW_HTTP"],
    key: "allowHttp",
    type: boolean,
    default: false,
    description: "allow a backend without https in a prod environment",
  },
  variables: {
    key: "variables",
    type: functionVariables,
    default: {},
    secret: true,
    description: "more variables for the function: an object of strings",
  },
  tags: {
    flag: "--tag <tag>",
    env: ["SHELFSHACK_TAGS"],
    key: "tags",
    type: resourceTags,
    repeatable: true,
    default: {},
    defaultText: "none",
    description: "tag like team=x for everything of the stack; in the file an object",
  },

  only: {
    flag: "--only <steps>",
    env: ["SHELFSHACK_ONLY"],
    type: listOf(steps),
    description: "run only these steps",
    values: steps,
  },
  codeOnly: {
    flag: "--code-only",
    env: ["SHELFSHACK_CODE_ONLY"],
    type: boolean,
    default: false,
    description: "upload the function's code and nothing else",
  },
  replaceCode: {
    flag: "--replace-code",
    env: ["SHELFSHACK_REPLACE_CODE"],
    type: boolean,
    default: false,
    description: "let the shipped handler take the place of your own code",
  },
  adopt: {
    flag: "--adopt",
    env: ["SHELFSHACK_ADOPT"],
    type: boolean,
    default: false,
    description: "take over what was made by hand under the stack's names",
  },
  rollbackOnFailure: {
    flag: "--rollback-on-failure",
    env: ["SHELFSHACK_ROLLBACK_ON_FAILURE"],
    type: boolean,
    default: false,
    description: "serve the release before again where the smoke test fails",
  },
  toRelease: {
    flag: "--to <release>",
    env: ["SHELFSHACK_TO"],
    type: wholeNumber(1, 1_000_000_000),
    description: "the number of the release to serve",
  },
  dryRun: {
    flag: "--dry-run",
    env: ["SHELFSHACK_DRY_RUN"],
    type: boolean,
    default: false,
    description: "show the changes without making them",
  },
  test: {
    flag: "--no-test",
    env: ["SHELFSHACK_TEST"],
    key: "test",
    type: boolean,
    default: true,
    description: "skip the smoke test after deploying",
  },
  strict: {
    flag: "--strict",
    negatable: true,
    env: ["SHELFSHACK_STRICT"],
    key: "strict",
    type: boolean,
    defaultFrom: ({ isCi = false }: Chosen) => isCi,
    defaultText: "on in CI",
    description: "exit with 3 also when something could not be proven",
  },
  probe: {
    flag: "--no-probe",
    env: ["SHELFSHACK_PROBE"],
    type: boolean,
    default: true,
    description: "write a new BACKEND_URL without asking that backend first",
  },
  verbose: {
    flag: "--verbose",
    env: ["SHELFSHACK_VERBOSE"],
    type: boolean,
    default: false,
    description: "show every check, also those that passed",
  },
  exitCode: {
    flag: "--exit-code",
    env: ["SHELFSHACK_EXIT_CODE"],
    type: boolean,
    default: false,
    description: "exit with 3 when there are differences",
  },

  environments: {
    flag: "--environments <names>",
    env: ["SHELFSHACK_ENVIRONMENTS"],
    type: someOf(environmentName, "names"),
    description: "environments to have, as in dev,prod",
  },

  out: {
    flag: "--out <file>",
    env: ["SHELFSHACK_OUT"],
    type: writtenFile,
    default: "websocket_proxy.zip",
    description: "the zip to write",
  },
  handler: {
    flag: "--handler <file.function>",
    env: ["SHELFSHACK_HANDLER"],
    key: "handler",
    type: name("a handler like index.handler", /^[^\s/.][^\s]*\.[A-Za-z_$][\w$]*$/),
    default: "index.handler",
    description: "handler as FILE.FUNCTION, no file extension",
  },

  source: {
    flag: "--source <folder>",
    env: ["SHELFSHACK_SOURCE"],
    key: "source",
    path: true,
    type: text("a folder"),
    description: "a folder with your own handler; it is loaded here once, not sandboxed",
    defaultText: "the handler that ships",
  },
  zip: {
    flag: "--zip <file>",
    env: ["SHELFSHACK_ZIP"],
    key: "zip",
    path: true,
    type: text("a file"),
    description: "a zip with your own handler, used as it is; loaded here once likewise",
  },

  port: {
    flag: "--port <port>",
    env: ["SHELFSHACK_PORT"],
    type: wholeNumber(0, 65_535),
    default: 4566,
    description: "port of the local AWS; 0 for any free port",
  },
  listen: {
    flag: "--listen <address>",
    env: ["SHELFSHACK_LISTEN"],
    type: ipAddress,
    default: "127.0.0.1",
    description: "listen at this IP address too; 0.0.0.0 for all of this machine",
  },
  allowHosts: {
    flag: "--allow-host <name>",
    env: ["SHELFSHACK_ALLOW_HOST"],
    type: hostsOrOrigins,
    repeatable: true,
    description: "serve this host name, and pages of it or of this origin; repeatable",
  },
  stateFolder: {
    flag: "--state <folder>",
    env: ["SHELFSHACK_STATE"],
    type: text("a folder"),
    description: "keep the local AWS's state in this folder",
    defaultText: "one per project",
  },
  fresh: {
    flag: "--fresh",
    env: ["SHELFSHACK_FRESH"],
    type: boolean,
    default: false,
    description: "begin with an empty local AWS: another API id, other keys",
  },

  demoBackend: {
    flag: "--backend <kind>",
    env: ["SHELFSHACK_DEMO_BACKEND"],
    type: choice(["node", "fastapi"]),
    default: "node",
    description: "the demo's backend; fastapi needs Python with fastapi and uvicorn",
  },
  verifySignatures: {
    flag: "--verify-signatures",
    env: ["SHELFSHACK_VERIFY_SIGNATURES"],
    type: boolean,
    default: false,
    description: "take only AWS calls that are signed with the local AWS's own keys",
  },
  open: {
    flag: "--open",
    env: ["SHELFSHACK_OPEN"],
    type: boolean,
    default: false,
    description: "open the console, a page that shows what happens, in the browser",
  },
  quotas: {
    flag: "--quotas",
    env: ["SHELFSHACK_QUOTAS"],
    type: boolean,
    default: false,
    description: "allow what AWS allows an account at first, and refuse the rest",
  },
  realistic: {
    flag: "--realistic",
    env: ["SHELFSHACK_REALISTIC"],
    type: boolean,
    default: false,
    description: "simulate AWS's delays",
  },

  booking: {
    flag: "--booking <id>",
    env: ["SHELFSHACK_BOOKING"],
    type: text("a booking's id"),
    description: "booking id [test and deploy: 1]",
    descriptionIn: {
      connect: "booking id",
      bench: "one booking for all clients; {n} in it numbers several [bench-{n}]",
      trace: "only messages of this booking",
      "backend check": "booking id [shelfshack-check]",
    },
  },
  token: {
    flag: "--token <token>",
    env: ["SHELFSHACK_TOKEN"],
    type: text("a token"),
    secret: true,
    description: "the client's token; prefer SHELFSHACK_TOKEN or --token-stdin",
  },
  tokenStdin: {
    flag: "--token-stdin",
    env: ["SHELFSHACK_TOKEN_STDIN"],
    type: boolean,
    default: false,
    description: "read the token from the first line of stdin",
  },
  type: {
    flag: "--type <type>",
    env: ["SHELFSHACK_TYPE"],
    type: text("a connection type like booking or chat"),
    default: "booking",
    description: "the connection's type",
  },
  url: {
    flag: "--url <url>",
    env: ["SHELFSHACK_URL"],
    type: text("a URL"),
    secret: true,
    description: "connect to this URL instead of the deployed stage",
  },
  header: {
    flag: "--header <header>",
    type: repeatable("a header like X-Team: blue", /^[!#$%&'*+.^_`|~\w-]+:[\t\x20-\x7e\x80-\xff]*$/),
    repeatable: true,
    secret: true,
    description: "send this header with the handshake; repeatable",
  },
  subprotocol: {
    flag: "--subprotocol <name>",
    type: repeatable("a subprotocol's name", /^[!#$%&'*+.^_`|~\w-]+$/),
    repeatable: true,
    description: "offer this subprotocol, in the order given; repeatable",
  },
  origin: {
    flag: "--origin <origin>",
    env: ["SHELFSHACK_ORIGIN"],
    type: name("an origin like https://app.example.com", /^[\x21-\x7e]+$/),
    description: "connect as a page of this origin would",
  },
  send: {
    flag: "--send <frame>",
    type: repeatable("a frame's text"),
    repeatable: true,
    description: "send this frame; repeatable",
    descriptionIn: { bench: "the message, with {id} in it, which makes each another one" },
  },
  expect: {
    flag: "--expect <frame>",
    type: repeatable("a part of a JSON frame, or ~ and a regular expression"),
    repeatable: true,
    description: "wait for a frame that holds this JSON or matches ~regex; repeatable",
  },
  expectStatus: {
    flag: "--expect-status <status>",
    type: wholeNumber(200, 599),
    description: "expect that the handshake is refused with this HTTP status",
  },
  clients: {
    flag: "--clients <n>",
    type: wholeNumber(2, 100),
    description: "open this many clients; the first sends, all others must receive",
  },
  script: {
    flag: "--script <file>",
    type: text("a file"),
    description: "run the steps in this file of JSON lines",
  },
  scriptEnv: {
    flag: "--script-env <name>",
    type: repeatable("a variable's name", /^[A-Za-z_]\w*$/),
    repeatable: true,
    description: "let the script use this variable as a token; repeatable",
  },
  reconnect: {
    flag: "--reconnect",
    env: ["SHELFSHACK_RECONNECT"],
    type: boolean,
    default: false,
    description: "open it again when it is lost or closed by the peer",
  },
  sign: {
    flag: "--sign",
    env: ["SHELFSHACK_SIGN"],
    type: boolean,
    default: false,
    description: "sign the handshake with your AWS credentials (IAM)",
  },
  proxy: {
    flag: "--proxy <url>",
    env: ["SHELFSHACK_PROXY"],
    type: httpUrl,
    secret: true,
    description: "connect through this HTTP proxy",
    defaultText: "HTTPS_PROXY, unless NO_PROXY has the host",
  },
  timeoutSeconds: {
    flag: "--timeout <seconds>",
    env: ["SHELFSHACK_TIMEOUT"],
    type: seconds,
    description: "give up after this many seconds",
    descriptionIn: {
      bench: "what takes longer is late, at the end what is missing is lost [5]",
    },
  },
  event: {
    flag: "--event <file>",
    env: ["SHELFSHACK_EVENT"],
    type: text("a file"),
    description: "invoke with the event in this JSON file",
  },
  keepalive: {
    flag: "--keepalive <seconds>",
    env: ["SHELFSHACK_KEEPALIVE"],
    type: seconds,
    description: 'after this many idle seconds send `{"type":"ping"}`',
  },

  since: {
    flag: "--since <time>",
    env: ["SHELFSHACK_SINCE"],
    type: since,
    description: "start at: 90s, 10m, 2h, 3d ago, or an ISO time",
    descriptionIn: {
      metrics: "from: 10m, 2h, 3d ago, or an ISO time; the last hour",
      cost: "with --measured, from: 10m, 2h, 3d ago, or an ISO time; the last day",
      capacity: "with --measured, from: 10m, 2h, 3d ago, or an ISO time; the last day",
    },
  },
  filter: {
    flag: "--filter <pattern>",
    env: ["SHELFSHACK_FILTER"],
    type: text("a filter pattern"),
    description: "only lines that match this CloudWatch Logs filter pattern",
  },
  errors: {
    flag: "--errors",
    env: ["SHELFSHACK_ERRORS"],
    type: boolean,
    default: false,
    description: "only errors and warnings",
  },
  slow: {
    flag: "--slow <time>",
    env: ["SHELFSHACK_SLOW"],
    type: span,
    description: "only what took at least so long: 500ms, 2s",
  },
  connection: {
    flag: "--connection <id>",
    env: ["SHELFSHACK_CONNECTION"],
    type: text("a connection id"),
    description: "only lines about this connection",
  },
  request: {
    flag: "--request <id>",
    env: ["SHELFSHACK_REQUEST"],
    type: text("a request id"),
    description: "only lines about this request, such as an error frame's request_id",
  },
  follow: {
    flag: "--no-follow",
    env: ["SHELFSHACK_FOLLOW"],
    type: boolean,
    default: true,
    description: "print existing lines and exit; the last hour, or from --since",
  },

  watch: {
    flag: "--watch",
    env: ["SHELFSHACK_WATCH"],
    type: boolean,
    default: false,
    description: "go on until Ctrl-C, with each change of the code or each minute",
    descriptionIn: {
      deploy: "then deploy the code with each change, until Ctrl-C",
      metrics: "go on with each minute, until Ctrl-C",
    },
  },

  connections: {
    flag: "--connections <n>",
    env: ["SHELFSHACK_CONNECTIONS"],
    type: amount(1e9),
    description: "how many clients are connected at once",
    descriptionIn: { bench: "how many clients to open [10]" },
  },
  messagesPerMinute: {
    flag: "--messages-per-minute <n>",
    env: ["SHELFSHACK_MESSAGES_PER_MINUTE"],
    type: amount(1e6),
    description: "how many messages one client sends in a minute",
    defaultText: "1",
  },
  peoplePerBooking: {
    flag: "--people-per-booking <n>",
    env: ["SHELFSHACK_PEOPLE_PER_BOOKING"],
    type: amount(1e6),
    description: "how many clients get each message, the sender among them",
    defaultText: "2",
  },
  rate: {
    flag: "--rate <n>",
    env: ["SHELFSHACK_RATE"],
    type: amount(1e6),
    default: 10,
    description: "messages per second of all clients together",
  },
  durationMs: {
    flag: "--duration <time>",
    env: ["SHELFSHACK_DURATION"],
    type: span,
    default: 10_000,
    defaultText: "10s",
    description: "how long messages are sent: 30s, 500ms",
  },
  ramp: {
    flag: "--ramp <n>",
    env: ["SHELFSHACK_RAMP"],
    type: amount(100_000),
    default: 100,
    description: "new connections per second",
  },
  threshold: {
    flag: "--threshold <condition>",
    type: thresholds,
    repeatable: true,
    description: "exit with 3 unless this holds: p99<100ms, lost<=0; repeatable",
  },
  report: {
    flag: "--report <file>",
    env: ["SHELFSHACK_REPORT"],
    type: writtenFile,
    description: "write an HTML page with the figures and charts",
  },
  sessionMinutes: {
    flag: "--session-minutes <n>",
    env: ["SHELFSHACK_SESSION_MINUTES"],
    type: amount(120),
    description: "how long a client stays connected",
    defaultText: "30",
  },
  messageBytes: {
    flag: "--message-bytes <n>",
    env: ["SHELFSHACK_MESSAGE_BYTES"],
    type: amount(1e9),
    description: "how large a message is",
    descriptionIn: { bench: "fill the message up to this size" },
    defaultText: "500",
  },
  invocationMs: {
    flag: "--invocation-ms <n>",
    env: ["SHELFSHACK_INVOCATION_MS"],
    type: amount(900_000),
    description: "how long the function works on one event",
    defaultText: "60",
  },
  backendRate: {
    flag: "--backend-rate <n>",
    env: ["SHELFSHACK_BACKEND_RATE"],
    type: amount(1e9),
    description: "how many requests a second the backend answers",
  },
  measured: {
    flag: "--measured",
    env: ["SHELFSHACK_MEASURED"],
    type: boolean,
    default: false,
    description: "take what is not given from the deployed stack's metrics",
  },
  from: {
    flag: "--from <file>",
    env: ["SHELFSHACK_FROM"],
    type: text("a file"),
    description: "take what is not given from a file with the JSON of bench",
  },

  outputsFor: {
    flag: "--for <audience>",
    env: ["SHELFSHACK_FOR"],
    type: choice(audiences),
    description: "print only the values for one audience; backend includes the keys",
    values: audiences,
  },
  appId: {
    flag: "--app-id <id>",
    env: ["SHELFSHACK_AMPLIFY_APP_ID"],
    key: "amplifyAppId",
    type: name("an app's id of AWS Amplify, like d1a2b3c4d5e6f7", /^d[a-z0-9]{1,19}$/),
    description: "the front end's app in AWS Amplify",
  },
  branch: {
    flag: "--branch <name>",
    env: ["SHELFSHACK_AMPLIFY_BRANCH"],
    key: "amplifyBranch",
    type: name("a branch's name of 1 to 255 printable characters", /^[\x21-\x7e]{1,255}$/),
    description: "the app's branch whose variables are meant",
    defaultText: "the app itself",
  },
  write: {
    flag: "--write",
    type: boolean,
    default: false,
    description: "write the variables to AWS Amplify, not just show what would change",
  },
  githubOutput: {
    env: ["GITHUB_OUTPUT"],
    type: text("a file"),
    description: "file for a step's outputs; GitHub Actions sets it",
  },
  githubSummary: {
    env: ["GITHUB_STEP_SUMMARY"],
    global: true,
    type: text("a file"),
    description: "file for a step's summary, which deploy adds to; GitHub sets it",
  },
  backendFile: {
    flag: "--out <file>",
    env: ["SHELFSHACK_BACKEND_FILE"],
    type: writtenFile,
    default: "shelfshack_ws.py",
    description: "the Python file to write",
  },
  outputsFile: {
    flag: "--out <file>",
    env: ["SHELFSHACK_OUTPUTS_FILE"],
    type: writtenFile,
    description: "write the values to this file, which only you can read",
  },
  force: {
    flag: "--force",
    type: boolean,
    default: false,
    description: "overwrite (backend init) or finish (backend keys) without asking",
    descriptionIn: {
      "backend init": "overwrite the file without asking",
      "backend keys": "finish the rotation without asking the backend",
    },
  },
  finish: {
    flag: "--finish",
    type: boolean,
    default: false,
    description: "end the rotation: remove the older key",
  },
  fix: {
    flag: "--fix",
    type: boolean,
    default: false,
    description: "repair what a deploy can repair, then check again",
  },
  taskRole: {
    flag: "--task-role <arn>",
    env: ["SHELFSHACK_TASK_ROLE"],
    type: name(
      "a role's ARN like arn:aws:iam::123456789012:role/NAME",
      /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
    ),
    description: "also check whether this role, the backend's, may send frames",
  },
  showKeys: { flag: "--show-keys", type: boolean, default: false, description: "print the keys themselves" },
  signingKeys: {
    env: ["SHELFSHACK_SIGNING_KEYS", "SIGNING_KEYS"],
    type: text("signing keys"),
    secret: true,
    description: "sign with these keys instead of the deployed function's",
  },
} as const satisfies Record<string, Setting>;

type Table = typeof table;

/** A setting's name in code. */
export type SettingName = keyof Table;

type Value<E> = E extends { type: ValueType<infer T> }
  ? E extends { default: unknown } | { defaultFrom: unknown }
    ? T
    : T | undefined
  : never;

/** Every setting's value; `undefined` where none was given and there is no default. */
export type Settings = { [N in SettingName]: Value<Table[N]> };

/** The settings that every command takes. */
export type GlobalName = {
  [N in SettingName]: Table[N] extends { global: true } ? N : never;
}[SettingName];

/** The table for those who walk through it. */
export const settingTable: Readonly<Record<SettingName, Setting>> = table;

/** What a setting means, in general or in one command. */
export function descriptionOf(name: SettingName, command = ""): string {
  const { description, descriptionIn, values } = settingTable[name];
  const text = descriptionIn?.[command] ?? description;
  return values ? `${text}: ${values.join(", ")}` : text;
}

/** All names, in the table's order. */
export const settingNames = Object.keys(table) as SettingName[];

/** The variables that hold a secret of ours. */
export const secretVariables: readonly string[] = Object.values<Setting>(table).flatMap(
  ({ secret, env = [] }) => (secret ? env : []),
);

/** Every setting as it is where nothing was given. */
export function defaultSettings(): Settings {
  const settings: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) {
    const { defaultFrom, default: fallback } = settingTable[name];
    settings[name] = defaultFrom ? defaultFrom(settings as Chosen) : fallback;
  }
  return settings as unknown as Settings;
}

/** Longer than any address that a person reads to its end. */
const LONGEST_VALUE = 300;

/**
 * A value as it may be shown: nothing of a secret, and who misplaces a password in an address must not find
 * it in a log.
 */
export function displayValue({ secret, type }: Setting, value: unknown): string {
  if (secret) return "***";
  const words = JSON.stringify(typeof value === "string" && type.redact ? type.redact(value) : value);
  return shorten(words, LONGEST_VALUE);
}
