import type { SettingName, Settings } from "./table.ts";

/** One command as data: what the program's help says of it and which settings it reads. */
export interface CommandRow {
  /** A verb phrase of at most 70 characters. */
  summary: string;
  /** Its arguments in the usage line, for example `[show|rotate]`. */
  args?: string;
  /** The settings that its `run` reads besides the global ones, in the order of its help. */
  reads: readonly SettingName[];
}

/** What a stack is called, and the account that it must be in. */
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
  "allowHttp",
] as const;

const token = ["token", "tokenStdin"] as const;
const subscription = ["booking", ...token, "type"] as const;

/** Every command, in the order of the help: a new one is a row here, its file, and its line in `commands/index`. */
export const commandTable = {
  package: { summary: "make the zip of the handler", reads: ["out", "handler", "runtime"] },
  plan: {
    summary: "show what deploy would change",
    reads: ["only", "codeOnly", "exitCode", ...stackNames, ...stackProperties],
  },
  deploy: {
    summary: "make AWS match the description",
    reads: ["only", "codeOnly", "dryRun", "test", ...subscription, ...stackNames, ...stackProperties],
  },
  status: {
    summary: "show what is there, what differs, and the URL",
    reads: [...stackNames, ...stackProperties],
  },
  outputs: {
    summary: "print values for the front end, the backend, Terraform or GitHub",
    reads: ["outputsFor", "githubOutput", "functionName", "apiName", "stage"],
  },
  test: {
    summary: "invoke the function with a test event, and say how far it came",
    reads: ["event", ...subscription, "functionName", "stage"],
  },
  connect: {
    summary: "open a real WebSocket to the stage",
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
    summary: "print what the function logs, live",
    reads: ["since", "filter", "errors", "connection", "follow", "functionName"],
  },
  "backend init": {
    summary: "write the router for a FastAPI backend",
    reads: ["backendFile", "force"],
  },
  "backend check": {
    summary: "prove that a backend keeps the contract",
    reads: ["backendUrl", ...subscription, "functionName", "signingKeys", "variables"],
  },
  "backend keys": {
    summary: "show or rotate the signing keys",
    args: "[show|rotate]",
    reads: ["finish", "force", "showKeys", ...stackNames],
  },
  destroy: { summary: "remove what deploy made", reads: stackNames },
  local: {
    summary: "run a local AWS with the stack deployed to it",
    reads: ["port", "stateFolder", "realistic", ...stackNames, ...stackProperties],
  },
  demo: { summary: "show all of it on this machine, without an account", reads: ["demoBackend"] },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commandTable;

/** Every command takes these. */
type GlobalName =
  | "env"
  | "region"
  | "profile"
  | "config"
  | "local"
  | "endpointUrl"
  | "json"
  | "yes"
  | "quiet"
  | "debug"
  | "color"
  | "port";

/** The settings that a command can see: the global ones and its own; `port` is global, its flag is `local`'s alone. */
export type OptionsOf<C extends CommandName> = Pick<
  Settings,
  GlobalName | (typeof commandTable)[C]["reads"][number]
>;
