import { settingNames, settingTable, type GlobalName, type SettingName, type Settings } from "./table.ts";

/** A command line without the program's name, and what it does. */
export interface Example {
  line: string;
  description: string;
}

/**
 * One command as data: what the help says of it and which settings it reads. The help needs nothing else, so
 * that it loads no command.
 */
export interface CommandRow {
  /** A verb phrase of at most 70 characters. */
  summary: string;
  /** Its arguments in the usage line, for example `[show|rotate]`. */
  args?: string;
  /**
   * What it does to a deployed stack: to one of Terraform's nothing is written. What writes with some words
   * only reads without them; what plans tells that a deploy is refused there, as its exit code does.
   */
  effect: "nothing" | "reads" | "plans" | "writes" | { writesWith: readonly string[] };
  /** The settings that it reads besides the global ones, in the order of its help. */
  reads: readonly SettingName[];
  /** False for a command that reads no config file: what it does is the same in every folder. */
  readsConfig?: false;
  /** The form of what one of its options reads, as lines with what each means. */
  form?: { title: string; lines: readonly Example[] };
  examples: readonly Example[];
}

/** What the resources of a stack are called. */
export const resourceNames = ["functionName", "apiName", "stage", "roleName"] as const;

/** These, and the account that the stack must be in: enough to read and to delete it. */
export const stackNames = [...resourceNames, "account"] as const;

/** What a stack is made of. */
export const stackProperties = [
  "backendUrl",
  "memory",
  "functionTimeout",
  "runtime",
  "handler",
  "logRetention",
  "accessLogs",
  "keepReleases",
  "kmsKey",
  "roleArn",
  "rolePath",
  "permissionsBoundary",
  "architecture",
  "reservedConcurrency",
  "subnets",
  "securityGroups",
  "tracing",
  "logFormat",
  "logLevel",
  "throttleRate",
  "throttleBurst",
  "variables",
  "tags",
  "routes",
] as const;

/** A function's own code, in one of two ways; without it, the handler that ships. */
export const ownCode = ["source", "zip"] as const;

/** Where a stack's messages are traced. */
const stackTraced = ["functionName", "apiName", "stage"] as const;

/** A client's token, in one of two ways. */
export const token = ["token", "tokenStdin"] as const;

/** What stands under a heading of its own in a long help, behind what the command itself is about. */
const groups: readonly { heading: string; names: readonly SettingName[] }[] = [
  { heading: "Whose token, as which client:", names: ["booking", ...token, "type"] },
  { heading: "Which stack:", names: stackNames },
  { heading: "What the stack is like:", names: [...ownCode, ...stackProperties] },
];
/** More options than this are a long help. */
const LONG = 15;

/** The heading of a setting in the help of a command; undefined for the usual one. */
export function headingOf(command: CommandName, name: SettingName): string | undefined {
  if (table[command].reads.length <= LONG) return undefined;
  return groups.find(({ names }) => names.includes(name))?.heading;
}

/** What a command reads, as its help has it: what it is about itself, then what stands under a heading. */
export function readsInHelp(command: CommandName): readonly SettingName[] {
  const placeOf = (name: SettingName) =>
    groups.findIndex(({ heading }) => heading === headingOf(command, name));
  return table[command].reads.toSorted((one, other) => placeOf(one) - placeOf(other));
}

/** How a stack is used. */
export const load = [
  "connections",
  "messagesPerMinute",
  "peoplePerBooking",
  "sessionMinutes",
  "messageBytes",
  "invocationMs",
] as const;
/** Whose metrics are read, and since when. */
export const measuring = ["measured", "from", "since", "functionName", "apiName", "stage"] as const;

const subscription = ["booking", ...token, "type"] as const;

/** Every command, in the order of the help. A new one is a row, a file, and a line in `commands/index`. */
const table = {
  init: {
    summary: "write a config file, by asking",
    effect: "nothing",
    reads: ["environments", "backendUrl", "account"],
    readsConfig: false,
    examples: [
      {
        line: "init",
        description: "asks for backend, region, account and environments; never overwrites a file",
      },
      {
        line: "init --yes --backend-url https://ws.example --region eu-west-1",
        description: "asks nothing and writes these",
      },
      {
        line: "init --yes --environments dev,prod --region eu-west-1",
        description: "with two environments, for `--env dev` and `--env prod`; write their backends into it",
      },
    ],
  },
  package: {
    summary: "build the function's zip",
    effect: "nothing",
    reads: ["out", ...ownCode, "handler", "runtime", "architecture"],
    examples: [
      { line: "package", description: "writes websocket_proxy.zip: the handler that ships" },
      { line: "package --out build/proxy.zip", description: "writes it somewhere else" },
      {
        line: "package --source src --handler app.handler",
        description:
          "your own Node folder, with the esbuild of your project where it has packages or TypeScript",
      },
      {
        line: "package --source app --runtime python3.12 --handler app.handler",
        description: "a Python folder, with the wheels of its requirements.txt for Lambda's system",
      },
    ],
  },
  plan: {
    summary: "show what deploy would change",
    effect: "plans",
    reads: [
      "only",
      "codeOnly",
      "adopt",
      "replaceCode",
      "exitCode",
      "allowHttp",
      ...ownCode,
      ...stackProperties,
      ...stackNames,
    ],
    examples: [
      {
        line: "plan --backend-url https://api.example.com",
        description: "what a deploy would create or change",
      },
      {
        line: "plan",
        description: "the same for a deployed stack, with the backend that its function calls",
      },
      {
        line: "plan --exit-code --backend-url https://api.example.com",
        description: "exit code 3 when it would change something, for CI",
      },
      {
        line: "plan --adopt",
        description: "what taking over a function and an API that were made by hand would change",
      },
    ],
  },
  deploy: {
    summary: "create or update the stack",
    effect: "writes",
    reads: [
      "only",
      "codeOnly",
      "adopt",
      "replaceCode",
      "watch",
      "dryRun",
      "test",
      "strict",
      "rollbackOnFailure",
      "allowHttp",
      ...ownCode,
      ...subscription,
      ...stackProperties,
      ...stackNames,
    ],
    examples: [
      {
        line: "deploy --backend-url https://api.example.com",
        description: "creates and updates everything, in parallel",
      },
      {
        line: "deploy",
        description: "the same for a deployed stack, which keeps the backend that its function calls",
      },
      { line: "deploy --code-only", description: "uploads the handler and changes nothing else" },
      {
        line: "deploy --source app --runtime python3.12 --handler app.handler",
        description: "your own code instead of the shipped handler; write it into the config file to keep it",
      },
      {
        line: "deploy --adopt",
        description: "takes over what was made by hand; its code stays as release 1, for `rollback`",
      },
      {
        line: "deploy --source app --watch",
        description: "then each change of the code, loaded here first; not tested, older releases stay",
      },
      { line: "deploy --only api,integration,routes,stage", description: "runs these steps alone" },
      { line: "deploy --dry-run", description: "shows what it would do" },
    ],
  },
  status: {
    summary: "show resources, differences and the URL",
    effect: "reads",
    reads: [...ownCode, ...stackProperties, ...stackNames],
    examples: [
      {
        line: "status",
        description:
          "resources, differences, a stale stage and the URL; exit code 3 unless all is up to date",
      },
    ],
  },
  releases: {
    summary: "list what can be served again, and what serves",
    effect: "reads",
    reads: [...stackNames],
    examples: [
      { line: "releases", description: "number, time, code, who and what changed; the newest first" },
    ],
  },
  rollback: {
    summary: "serve an earlier release again, in one call",
    effect: "writes",
    reads: ["toRelease", ...stackNames],
    examples: [
      { line: "rollback", description: "the release before the one that serves" },
      { line: "rollback --to 3", description: "this one; `releases` lists what there is" },
    ],
  },
  doctor: {
    summary: "check every hop of a message, and repair what a deploy can",
    effect: { writesWith: ["--fix"] },
    reads: ["fix", "taskRole", "allowHttp", ...ownCode, ...subscription, ...stackProperties, ...stackNames],
    examples: [
      {
        line: "doctor",
        description: "each hop with its evidence; for each that fails why, and the command that repairs it",
      },
      {
        line: "doctor --booking 7 --token-stdin < token.txt",
        description: "as a client that the backend knows; without a token a made-up one is sent",
      },
      {
        line: "doctor --fix",
        description: "runs the deploy steps that repair what failed, and checks again",
      },
      {
        line: "doctor --task-role arn:aws:iam::123456789012:role/backend",
        description: "also whether the backend's role may push through @connections",
      },
    ],
  },
  env: {
    summary: "list or change the function's variables",
    args: "[list|set|unset] [words...]",
    effect: { writesWith: ["set", "unset"] },
    reads: ["probe", "allowHttp", "backendUrl", "variables", "keepReleases", ...stackNames],
    examples: [
      {
        line: "env",
        description: "the names of all variables, and their size; values that may be secret are ***",
      },
      {
        line: "env set BACKEND_URL=https://api.example.com LOG_LEVEL=DEBUG",
        description: "changes these two; a new backend is asked first, from this machine",
      },
      {
        line: "env set API_TOKEN < token.txt",
        description: "the value from stdin, or asked for unseen: in no history and no list of processes",
      },
      {
        line: "env set BACKEND_URL=http://10.0.0.7:8000 --no-probe",
        description: "writes an address that this machine cannot reach",
      },
      { line: "env unset LOG_LEVEL", description: "removes it, if it is there; all others stay" },
      {
        line: "env set LOG_LEVEL=INFO",
        description: "after a rollback it is written and not served; the next `deploy` serves it",
      },
    ],
  },
  outputs: {
    summary: "print values for front end, backend, Terraform, GitHub or Amplify",
    effect: "reads",
    reads: [
      "outputsFor",
      "outputsFile",
      "appId",
      "branch",
      "write",
      "githubOutput",
      "functionName",
      "apiName",
      "stage",
      "account",
    ],
    examples: [
      { line: "outputs", description: "the addresses and names of what is deployed; never the signing keys" },
      { line: "outputs --for frontend >> .env", description: "VITE_WS_API_ENDPOINT=wss://…" },
      {
        line: "outputs --for backend --out backend.env",
        description: "WEBSOCKET_API_ENDPOINT=https://… and SIGNING_KEYS=whsec_…, which are secret",
      },
      {
        line: "outputs --for backend --local --out backend.env",
        description: "the same for the local AWS, with AWS credentials for it: the backend can push",
      },
      {
        line: "outputs --for terraform > shelfshack.auto.tfvars",
        description: "websocket_api_id, websocket_api_endpoint, websocket_lambda_function_arn",
      },
      {
        line: "outputs --for github",
        description:
          "a step's outputs: added to the file $GITHUB_OUTPUT where GitHub Actions sets it, " +
          "otherwise printed",
      },
      { line: "outputs --for dotenv > .env", description: "all addresses, quoted for dotenv; no keys" },
      {
        line: "outputs --for amplify --app-id d1a2b3c4d5e6f7",
        description: "what would change in the app's variables, of which all others stay; --write does it",
      },
    ],
  },
  export: {
    summary: "print the stack for Terraform or CloudFormation",
    args: "[terraform|cloudformation]",
    effect: "reads",
    reads: [...ownCode, ...stackProperties, ...stackNames],
    examples: [
      {
        line: "export terraform > shelfshack.tf",
        description: "HCL, with an import block for everything that is deployed; no secret is in it",
      },
      {
        line: "export cloudformation > shelfshack.json",
        description: "a template; its parameters are the bucket with the zip, and what may be secret",
      },
    ],
  },
  policy: {
    summary: "print the least IAM policy of a deployer, the function or a backend",
    args: "[deployer|function|backend]",
    effect: "reads",
    reads: [
      "adopt",
      "roleArn",
      "rolePath",
      "permissionsBoundary",
      "subnets",
      "tracing",
      "tags",
      ...stackNames,
    ],
    examples: [
      {
        line: "policy deployer > deployer.json",
        description: "for a person or a pipeline that deploys this stack",
      },
      {
        line: "policy deployer --adopt > deployer.json",
        description: "for one that takes over what was made by hand: with the role that its function has",
      },
      {
        line: "policy backend",
        description: "for the backend's task role: it pushes, and closes connections",
      },
      { line: "policy function", description: "what deploy gives the function's role" },
    ],
  },
  test: {
    summary: "invoke the function with a test event and show which hop fails",
    effect: "reads",
    reads: ["event", ...ownCode, ...subscription, "functionName", "stage"],
    examples: [
      {
        line: "test",
        description: "as a client that connects and leaves; exit code 3 unless the function returns 200",
      },
      {
        line: "test --booking 7 --token-stdin < token.txt",
        description: "with a booking and a token that the backend knows",
      },
      { line: "test --event event.json", description: "with a custom event" },
    ],
  },
  connect: {
    summary: "open a WebSocket to the stage",
    effect: "reads",
    reads: [
      ...subscription,
      "url",
      "header",
      "subprotocol",
      "origin",
      "send",
      "expect",
      "expectStatus",
      "clients",
      "script",
      "scriptEnv",
      "reconnect",
      "sign",
      "proxy",
      "timeoutSeconds",
      "keepalive",
      "functionName",
      "apiName",
      "stage",
    ],
    examples: [
      {
        line: "connect --booking 1",
        description:
          "opens a WebSocket to the stage; on a terminal typed lines are sent, /help lists commands",
      },
      {
        line: `connect --booking 1 --send hi --expect '{"type":"ack"}'`,
        description:
          "done when a frame holds that JSON (arrays in full, objects in part); exit code 3 if none does",
      },
      {
        line: "connect --booking 1 --expect '~shipped' --expect '{\"id\":5}'",
        description: "each must be met by some frame, in any order",
      },
      {
        line: "connect --booking 1 < frames.txt",
        description:
          "sends each line (JSON as a whole), then listens until it was quiet for 2 s, or for --timeout",
      },
      {
        line: "connect --booking 1 --origin https://app.example --header 'X: 1'",
        description: "as a page of that origin would, with one more header",
      },
      {
        line: "connect --url wss://a.example.com/v1 --booking 1 --keepalive 540",
        description: "another address, kept open past API Gateway's ten idle minutes",
      },
      {
        line: "connect --booking 1 --token wrong --expect-status 401",
        description: "done when the handshake is refused with that status; exit code 3 otherwise",
      },
      {
        line: "connect --booking 1 --clients 3 --send hi --expect ~hi",
        description: "the first of three sends; shows when it reached the others",
      },
      {
        line: "connect --script chat.jsonl",
        description: "several clients that talk to each other, step by step; exit code 3 at the first miss",
      },
    ],
    form: {
      title: "Steps of --script, a JSON object each",
      lines: [
        {
          line: '{"as":"ann","open":{"booking":"1"}}',
          description:
            'opens a client named ann; also "token":"$SHELFSHACK_ANN_TOKEN", a variable, or null for none; ' +
            'what is left out is as the options say. With "expectStatus":401 beside "open" the handshake ' +
            "must be refused",
        },
        {
          line: '{"as":"ann","expect":{"n":1}}',
          description:
            'a frame that holds this JSON, or matches "~regex", has come or comes within 10 s, or 2 s with ' +
            '"within":2; put one behind open for the frame that a backend sends first, as open does not ' +
            "wait for it",
        },
        { line: '{"as":"ann","send":{"body":"hi"}}', description: "sends this JSON, or a text as it is" },
        {
          line: '{"as":"ben","expectNothing":1}',
          description:
            "no frame comes for 1 s that has come since the last open, send or close of any client",
        },
        { line: '{"pause":0.5}', description: "waits for half a second" },
        { line: '{"as":"ann","close":1000}', description: "closes with this code: 1000, or 3000 to 4999" },
      ],
    },
  },
  connections: {
    summary: "look up, message or close one connection",
    args: "[get|send|close] [id] [text...]",
    effect: "reads",
    reads: stackNames,
    examples: [
      {
        line: "connections get L0SM9cOFvHcCIhw=",
        description:
          "since when it is connected, its last frame, address and user agent; AWS lists no connections: " +
          "an id is in each line of trace and logs tail, and locally in the console",
      },
      {
        line: `connections send L0SM9cOFvHcCIhw= '{"type":"notice"}'`,
        description: "sends one frame, as a backend pushes one; without the text it is read from stdin",
      },
      { line: "connections close L0SM9cOFvHcCIhw=", description: "closes it; a client may connect again" },
    ],
  },
  bench: {
    summary: "measure latency and loss with many clients at a given rate",
    effect: "reads",
    reads: [
      "connections",
      "peoplePerBooking",
      "rate",
      "durationMs",
      "ramp",
      "send",
      "messageBytes",
      "threshold",
      "report",
      ...subscription,
      "url",
      "header",
      "subprotocol",
      "origin",
      "sign",
      "proxy",
      "timeoutSeconds",
      "functionName",
      "apiName",
      "stage",
    ],
    examples: [
      {
        line: "bench --connections 200 --rate 500 --report bench.html",
        description: "sends on time whatever the answers take; measured at the other clients of a booking",
      },
      {
        line: "bench --threshold 'p99<100ms' --threshold 'lost<=0'",
        description: "exit code 3 unless both hold",
      },
      {
        line: `bench --booking 7 --send '{"type":"chat","body":"{id}"}'`,
        description: "all clients in one booking, with a message of your backend's form; {id} is needed",
      },
      {
        line: "bench --url wss://echo.example.com --people-per-booking 1",
        description: "a server that sends each message back to its sender alone",
      },
      {
        line: "bench --connections 5000 --ramp 500 --yes",
        description: "a load that AWS is spared without --yes; it first says what this costs",
      },
    ],
  },
  "logs tail": {
    summary: "follow the function's log and API Gateway's",
    effect: "reads",
    reads: ["since", "filter", "errors", "connection", "request", "follow", ...stackTraced],
    examples: [
      {
        line: "logs tail",
        description: "what is logged from now on, until Ctrl-C; ends at once without a log group",
      },
      {
        line: "logs tail --since 10m --errors",
        description: "warnings and errors of the last ten minutes, then new ones",
      },
      {
        line: "logs tail --connection L0SM9cOFvHcCIhw= --no-follow",
        description: "what happened to one connection in the last hour",
      },
      {
        line: "logs tail --filter '{ $.event = \"connect\" }' --since 1d",
        description: "only what matches a filter pattern of CloudWatch Logs",
      },
    ],
  },
  metrics: {
    summary: "show invocations, errors, durations, connections and messages",
    effect: "reads",
    reads: ["since", "watch", "functionName", "apiName", "stage"],
    examples: [
      { line: "metrics", description: "the last hour by minute: total, latest, highest, and a line of bars" },
      { line: "metrics --since 7d", description: "the last week, by six hours" },
      {
        line: "metrics --watch",
        description:
          "the table anew each minute, until Ctrl-C; in a pipe a line a minute from now, on AWS 3 min late",
      },
    ],
  },
  cost: {
    summary: "what a month of a load costs on AWS",
    effect: "reads",
    reads: [...load, "memory", ...measuring],
    examples: [
      {
        line: "cost --connections 1000 --messages-per-minute 2",
        description: "line by line, free tiers apart; calls nothing",
      },
      {
        line: "cost --connections 1000 --measured --since 7d",
        description: "the same with what the deployed stack did in the last week",
      },
      {
        line: "cost --from bench.json --connections 5000",
        description:
          "with the rates and sizes that `bench --json` found, for more clients; give --invocation-ms too",
      },
    ],
  },
  capacity: {
    summary: "what breaks first under a load, and what to do",
    effect: "reads",
    reads: [...load, "backendRate", ...measuring],
    examples: [
      {
        line: "capacity --connections 1e6 --messages-per-minute 2",
        description: "each quota with what is needed of it, and at how many connections it is reached",
      },
      {
        line: "capacity --connections 5000 --measured --backend-rate 400",
        description: "the same with what CloudWatch measured, and with what the backend can do",
      },
    ],
  },
  trace: {
    summary: "show every hop of each message as it happens, or of one",
    args: "[id]",
    effect: "reads",
    reads: ["connection", "booking", "slow", "errors", "since", "follow", ...stackTraced],
    examples: [
      {
        line: "trace",
        description: "a line per message with its hops, and per frame that a backend pushes; until Ctrl-C",
      },
      {
        line: "trace UbT2aF9yIAMFkQg=",
        description:
          "the waterfall of one message, such as an error frame's request_id; exit code 3 if unknown",
      },
      { line: "trace UbT2acX1IAMCJpw=", description: "the messages of one connection, by its id" },
      { line: "trace --slow 500ms --errors --since 1h", description: "what was slow and failed" },
      { line: "trace --booking 7 --json", description: "the messages of one booking, as JSON lines" },
    ],
  },
  "backend init": {
    summary: "write the router for a FastAPI backend",
    effect: "nothing",
    reads: ["backendFile", "force"],
    examples: [
      {
        line: "backend init",
        description:
          "writes shelfshack_ws.py: a FastAPI router with the three endpoints and the signature check",
      },
      { line: "backend init --out app/shelfshack_ws.py", description: "writes it somewhere else" },
      { line: "backend init --force", description: "replaces the file with this version" },
    ],
  },
  "backend check": {
    summary: "check a backend against the contract",
    effect: "reads",
    reads: [
      "backendUrl",
      ...subscription,
      "timeoutSeconds",
      "signingKeys",
      "variables",
      "functionName",
      "strict",
      "verbose",
    ],
    examples: [
      {
        line: "backend check",
        description:
          "checks the deployed function's backend, with the function's keys; exit code 3 when a check fails",
      },
      {
        line: "backend check --strict --token-stdin < token.txt",
        description: "exit code 3 also when something was skipped for lack of keys or a token, as in CI",
      },
      { line: "backend check --verbose", description: "shows every check, also those that passed" },
      {
        line: "backend check --backend-url http://127.0.0.1:8000 --token-stdin",
        description: "checks this backend, with a token that it accepts; set SIGNING_KEYS to use its keys",
      },
    ],
  },
  "backend keys": {
    summary: "show or rotate the signing keys",
    args: "[show|rotate]",
    effect: { writesWith: ["rotate"] },
    reads: ["finish", "force", "showKeys", "keepReleases", ...stackNames],
    examples: [
      {
        line: "backend keys show",
        description: "how many keys the function signs with, and their fingerprints",
      },
      { line: "backend keys show --show-keys", description: "the keys themselves" },
      { line: "backend keys rotate", description: "adds a new key; both sign from then on" },
      {
        line: "backend keys rotate --finish",
        description: "removes the old key once the backend accepts the new one",
      },
    ],
  },
  destroy: {
    summary: "delete what deploy created",
    effect: "writes",
    reads: stackNames,
    examples: [
      {
        line: "destroy",
        description:
          "lists the resources tagged with this stack, asks for its name, and deletes them; " +
          "without a terminal it lists them and ends with exit code 2",
      },
      { line: "destroy --env dev --yes", description: "the same for the environment dev, without asking" },
    ],
  },
  local: {
    summary: "run a local AWS with the stack deployed to it",
    effect: "nothing",
    reads: [
      "port",
      "listen",
      "allowHosts",
      "stateFolder",
      "fresh",
      "verifySignatures",
      "realistic",
      "quotas",
      "open",
      "allowHttp",
      ...ownCode,
      ...stackProperties,
      ...resourceNames,
    ],
    examples: [
      {
        line: "local",
        description:
          "a local AWS at port 4566 with the stack deployed to it and a demo backend behind it, until Ctrl-C",
      },
      {
        line: "local --backend-url http://127.0.0.1:8000",
        description: "the same with your own backend; the other commands find it with --local",
      },
      {
        line: "local --open",
        description: "and its console in the browser: connections, messages hop by hop, frames, log",
      },
      {
        line: "local --quotas",
        description:
          "the same with an account's first quotas: 500 new connections and 10,000 requests a second, " +
          "1,000 invocations at once",
      },
      {
        line: "local --fresh",
        description: "the same with another API id and other keys, which are kept from then on",
      },
      {
        line: "local --listen 0.0.0.0 --allow-host host.docker.internal",
        description: "lets in a backend that runs in a container",
      },
      {
        line: "local --port 0 --state .shelfshack",
        description: "any free port; keeps its state in a folder of your own",
      },
    ],
  },
  demo: {
    summary: "run everything locally, without an AWS account",
    effect: "nothing",
    reads: ["demoBackend"],
    examples: [
      {
        line: "demo",
        description: "a local AWS, a demo backend, deploy, test, two clients talking, the log, destroy",
      },
      {
        line: "demo --backend fastapi",
        description: "the same with the FastAPI example under uvicorn (pip install fastapi uvicorn)",
      },
    ],
  },
  completion: {
    summary: "print a shell's completion script",
    args: "[bash|zsh|fish|environments]",
    effect: "nothing",
    reads: [],
    readsConfig: false,
    examples: [
      {
        line: "completion bash >> ~/.bashrc",
        description: "completes from the next shell on, where `shelfshack-ws` then stands for npx's, too",
      },
      { line: "completion zsh >> ~/.zshrc", description: "the same for zsh, behind compinit" },
      {
        line: "completion fish >> ~/.config/fish/config.fish",
        description: "the same for fish",
      },
      {
        line: "completion environments",
        description: "the names that the config file has for --env, which the scripts ask for",
      },
    ],
  },
} as const satisfies Record<string, CommandRow>;

/** A command's name: one word, or two as in "logs tail". */
export type CommandName = keyof typeof table;

/** All names, in the table's order. */
export const commandNames = Object.keys(table) as CommandName[];

/** The forms of every command that a stack of Terraform's refuses, that plan such, and that work on it. */
export function formsOn(): Readonly<Record<"reads" | "plans" | "writes", string[]>> {
  const forms = Object.entries<CommandRow>(table).flatMap(([name, { effect }]) => {
    if (typeof effect === "string") return [{ effect, line: name }];
    const writing = effect.writesWith.map((word) => ({ effect: "writes", line: `${name} ${word}` }));
    return [{ effect: "reads", line: name }, ...writing];
  });
  const linesOf = (wanted: string) => forms.filter(({ effect }) => effect === wanted).map(({ line }) => line);
  return { reads: linesOf("reads"), plans: linesOf("plans"), writes: linesOf("writes") };
}

/** The table for those who walk through it. */
export const commandTable: Readonly<Record<CommandName, CommandRow>> = table;

const isAboutStacks = (name: CommandName): boolean => {
  const reads: readonly SettingName[] = table[name].reads;
  return reads.includes("functionName");
};
/** `local` has an AWS of its own. */
const callsAws = (name: CommandName): boolean => isAboutStacks(name) && name !== "local";

/**
 * The global settings that some commands make no use of: every command takes them, its help shows those it
 * uses.
 */
const usedBy: Readonly<Partial<Record<GlobalName, (name: CommandName) => boolean>>> = {
  env: (name) => isAboutStacks(name) || name === "init",
  region: (name) => isAboutStacks(name) || name === "init",
  profile: callsAws,
  local: callsAws,
  endpointUrl: callsAws,
  yes: (name) => ["init", "destroy", "backend init", "bench"].includes(name),
};

/** The global settings that a command makes use of; all for what is no command, such as the program. */
export const globalsOf = (name: string): readonly SettingName[] =>
  settingNames.filter(
    (setting) =>
      settingTable[setting].global && (!isCommand(name) || (usedBy[setting as GlobalName]?.(name) ?? true)),
  );

const isCommand = (name: string): name is CommandName => Object.hasOwn(table, name);

/** The global settings; `port` is one of them as a variable, and a flag of `local` only. */
export type GlobalOptions = Pick<Settings, GlobalName | "port">;

/** The settings that a command can see: the global ones and those of its row. */
export type OptionsOf<C extends CommandName> = GlobalOptions &
  Pick<Settings, (typeof table)[C]["reads"][number]>;

/** Where AWS is. */
export type AwsOptions = Pick<Settings, "local" | "port" | "endpointUrl" | "region">;
export type StackNames = Pick<Settings, (typeof stackNames)[number]> & AwsOptions;
export type StackProperties = Pick<Settings, (typeof stackProperties)[number]>;
export type TokenOptions = Pick<Settings, (typeof token)[number]>;
