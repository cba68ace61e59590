import type { GlobalName, SettingName, Settings } from "./table.ts";

/** One command as data: what the help says of it and which settings it reads. */
export interface CommandRow {
  /** A verb phrase of at most 70 characters. */
  summary: string;
  /** Its arguments in the usage line, for example `[show|rotate]`. */
  args?: string;
  /** The settings that it reads besides the global ones, in the order of its help. */
  reads: readonly SettingName[];
}

/** What a stack is called, and the account that it must be in: enough to read and to delete it. */
export const stackNames = ["functionName", "apiName", "stage", "roleName", "account"] as const;

/** What a stack is made of. */
export const stackProperties = [
  "backendUrl",
  "memory",
  "functionTimeout",
  "runtime",
  "handler",
  "logRetention",
  "variables",
] as const;

/** A client's token, in one of two ways. */
export const token = ["token", "tokenStdin"] as const;

const subscription = ["booking", ...token, "type"] as const;

/** Every command, in the order of the help. A new one is a row, a file, and a line in `commands/index`. */
const table = {
  package: { summary: "build the handler's zip", reads: ["out", "handler", "runtime"] },
  plan: {
    summary: "show what deploy would change",
    reads: ["only", "codeOnly", "exitCode", "allowHttp", ...stackProperties, ...stackNames],
  },
  deploy: {
    summary: "create or update the stack",
    reads: [
      "only",
      "codeOnly",
      "dryRun",
      "test",
      "allowHttp",
      ...subscription,
      ...stackProperties,
      ...stackNames,
    ],
  },
  status: {
    summary: "show resources, differences and the URL",
    reads: [...stackProperties, ...stackNames],
  },
  outputs: {
    summary: "print values for the front end, the backend, Terraform or GitHub",
    reads: ["outputsFor", "githubOutput", "functionName", "apiName", "stage"],
  },
  test: {
    summary: "invoke the function with a test event and show which hop fails",
    reads: ["event", ...subscription, "functionName", "stage"],
  },
  connect: {
    summary: "open a WebSocket to the stage",
    reads: [
      ...subscription,
      "url",
      "send",
      "expect",
      "timeoutSeconds",
      "keepalive",
      "functionName",
      "apiName",
      "stage",
    ],
  },
  "logs tail": {
    summary: "follow the function's log",
    reads: ["since", "filter", "errors", "connection", "follow", "functionName"],
  },
  "backend init": {
    summary: "write the router for a FastAPI backend",
    reads: ["backendFile", "force"],
  },
  "backend check": {
    summary: "check a backend against the contract",
    reads: [
      "backendUrl",
      ...subscription,
      "timeoutSeconds",
      "signingKeys",
      "variables",
      "functionName",
      "verbose",
    ],
  },
  "backend keys": {
    summary: "show or rotate the signing keys",
    args: "[show|rotate]",
    reads: ["finish", "force", "showKeys", ...stackNames],
  },
  destroy: { summary: "delete what deploy created", reads: stackNames },
  local: {
    summary: "run a local AWS with the stack deployed to it",
    reads: ["port", "stateFolder", "fresh", "realistic", "allowHttp", ...stackProperties, ...stackNames],
  },
  demo: { summary: "run everything locally, without an AWS account", reads: ["demoBackend"] },
} as const satisfies Record<string, CommandRow>;

/** A command's name: one word, or two as in "logs tail". */
export type CommandName = keyof typeof table;

/** All names, in the table's order. */
export const commandNames = Object.keys(table) as CommandName[];

/** The table for those who walk through it. */
export const commandTable: Readonly<Record<CommandName, CommandRow>> = table;

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
