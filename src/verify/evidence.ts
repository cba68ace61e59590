import type {
  Api,
  Deployment,
  GetStageCommandOutput,
  Integration,
  Route,
} from "@aws-sdk/client-apigatewayv2";
import type { FunctionConfiguration, GetFunctionCommandOutput } from "@aws-sdk/client-lambda";
import type { CodeOwner } from "../aws/tags.ts";
import type { LogRole } from "../aws/log-role.ts";
import type { Decision } from "../aws/simulation.ts";
import type { Conversation } from "./backend/conversation.ts";
import type { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import type { ConnectionsProof } from "./connections-proof.ts";
import type { Tested } from "./invoke.ts";
import type { Tried } from "./round-trip.ts";

/** What is asked about. */
export interface Names {
  functionName: string;
  apiName: string;
  stage: string;
  region: string;
  /** The account that the configuration expects. */
  account: string | undefined;
  /** The further routes that the configuration has. */
  routes?: readonly string[] | undefined;
  /** A role that others own, with which the function runs. */
  roleArn?: string | undefined;
}

/** Who calls AWS, and how far this machine's clock is from AWS's as the SDK has measured it. */
export interface Caller {
  account: string;
  arn: string;
  partition: string;
  profile: string | undefined;
  /** AWS's time minus this machine's, in milliseconds. */
  clockOffMs: number;
}

/** How many runs of the function there may be at once. */
export interface Concurrency {
  /** Of this function alone; undefined where nothing is reserved for it. */
  reserved: number | undefined;
  /** Of all functions of the account in this region. */
  account: number;
}

/** A statement of a function's resource policy (AWS.md 4.7). */
export interface PolicyStatement {
  Sid?: string;
  Effect?: string;
  Action?: string | string[];
  Principal?: string | Record<string, string | string[]>;
  Condition?: Readonly<Record<string, Readonly<Record<string, string | string[]>>>>;
}

/** What the stage serves: a snapshot, which a change of a route does not reach (AWS.md 3.4). */
export interface Snapshot {
  /** Whether a deploy made it, with all three routes, and the stage waits for the next one. */
  isOfDeploy: boolean;
}

/** Who may invoke the function that the API calls, by which of its qualifiers. */
export interface ResourcePolicy {
  qualifier: string | undefined;
  statements: readonly PolicyStatement[];
}

/** The role that the function runs with. */
export interface ExecutionRole {
  arn: string;
  /** The trust policy. */
  trust: { Statement?: unknown };
}

export interface FunctionLog {
  group: string;
  /** What the group is called where no other was chosen. */
  usual: string;
  hasStreams: boolean;
}

/** The access log of the stage: the one that it has, or the one that is asked for. */
export interface AccessLogging {
  /** Whether a deploy is to switch it on; undefined where it leaves it as it is. */
  wanted: "on" | "off" | undefined;
  isOn: boolean;
  group: string;
  exists: boolean;
  format: string;
  /** The account's role for such logs. */
  role: LogRole | undefined;
}

/** The code and settings that a deploy would give the function. */
export interface ExpectedCode {
  sha256: string;
  handler: string;
  runtime: string;
}

/** Which release serves clients. */
export interface Serving {
  version: string;
  /** Whether a rollback has chosen it. */
  isRolledBack: boolean;
}

/** All that checks judge, each read once. */
export interface Evidence {
  names: Names;
  /** Whose code serves. */
  owner: CodeOwner;
  caller: Caller;
  api: Api;
  stage: GetStageCommandOutput;
  deployments: readonly Deployment[];
  snapshot: Snapshot;
  routes: readonly Route[];
  integrations: readonly Integration[];
  policy: ResourcePolicy;
  /** What serves clients: the release of the alias, or the function itself where it has none. */
  lambda: FunctionConfiguration;
  /** What Lambda keeps beside a function's configuration: its tags, and what is reserved for it. */
  kept: Pick<GetFunctionCommandOutput, "Tags" | "Concurrency">;
  /** The other tool that manages the API or the function; null where none does. */
  managedBy: string | null;
  /** The function as it was written last. */
  latest: FunctionConfiguration;
  serving: Serving;
  concurrency: Concurrency;
  expected: ExpectedCode;
  role: ExecutionRole;
  /** What the function's role may do: push, and write its log. */
  rights: readonly Decision[];
  /** What the backend's role may do; absent where none was named. */
  taskRole: { arn: string; decisions: readonly Decision[] };
  log: FunctionLog;
  /** Undefined where there is none and none is asked for. */
  accessLog: AccessLogging | undefined;
  invocation: Tested;
  frames: ConnectionsProof;
  /** What the backend says to this machine. */
  backend: Conversation;
  socket: Tried;
}

export type EvidenceName = keyof Evidence;

/** What is not there to be read, and why. */
export class Absent extends Error {}

/** What was read, or undefined where it is not there; every other failure is thrown. */
export async function orAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Absent) return undefined;
    throw error;
  }
}

/** How a piece of evidence was read. */
export type Reading<Name extends EvidenceName = EvidenceName> =
  | { kind: "present"; value: Evidence[Name] }
  | { kind: "absent"; because: string }
  | { kind: "unreadable"; error: CliError };

/** How to read another piece that this one follows from. */
export type Get = <Name extends EvidenceName>(name: Name) => Promise<Evidence[Name]>;

/** How each piece is read. It throws `Absent` where there is nothing, as `get` does. */
export type Readers = { readonly [Name in EvidenceName]: (get: Get) => Promise<Evidence[Name]> };

const UNASKED = "that is not asked here";

/** Reads what is asked for, once, and all of it at the same time; what has no reader is absent. */
export function openEvidence(
  readers: Partial<Readers>,
): <Name extends EvidenceName>(name: Name) => Promise<Reading<Name>> {
  const begun = new Map<EvidenceName, Promise<unknown>>();
  const get = async <Name extends EvidenceName>(name: Name): Promise<Evidence[Name]> => {
    const reading = begun.get(name) ?? readers[name]?.(get) ?? Promise.reject(new Absent(UNASKED));
    begun.set(name, reading);
    return (await reading) as Evidence[Name];
  };
  return (name) =>
    get(name).then(
      (value) => ({ kind: "present" as const, value }),
      (error: unknown) =>
        error instanceof Absent
          ? { kind: "absent" as const, because: error.message }
          : { kind: "unreadable" as const, error: explain(error) },
    );
}
