import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { connectAws } from "../../src/aws/clients.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import type { LocalAwsOptions } from "../../src/local/server.ts";
import type { StackConfig } from "../../src/resources/stack.ts";
import { examine, type CheckLine } from "../../src/verify/examine.ts";
import { openEvidence } from "../../src/verify/evidence.ts";
import { readersOf } from "../../src/verify/readers.ts";
import { doctorChecks } from "../../src/verify/selections.ts";
import { startContractBackend, type Flaw } from "./contract-backend.ts";
import { openLocalAws, type AwsForTest } from "./local-aws.ts";
import { openTestStack } from "./stack.ts";
import { zipOf } from "./zip.ts";

/** What is deployed, and what is behind it. */
export interface Illness {
  local?: LocalAwsOptions;
  /** What the backend does not do as it should. */
  flaws?: readonly Flaw[];
  /** Another handler than the shipped one: the source of its only file. */
  source?: string;
  overrides?: Partial<StackConfig>;
}

/** A stack of our own on a local AWS, with a backend that knows its key. */
export interface Patient extends AwsForTest {
  FunctionName: string;
  RoleName: string;
  StageName: string;
  ApiId: string;
  functionArn: string;
  /** The backend's address. */
  backendUrl: string;
  key: string;
  /** The SHA-256 of the code that is deployed. */
  sha256: string;
}

const names = {
  functionName: "shelfshack-websocket-proxy",
  apiName: "shelfshack-websocket-api",
  stage: "dev",
  region: "us-east-1",
};

/** Deploys it. */
export async function openPatient(illness: Illness = {}): Promise<Patient> {
  const key = newSigningKey();
  const [backend, local, shipped] = await Promise.all([
    startContractBackend([key], ...(illness.flaws ?? [])),
    openLocalAws(illness.local),
    packageHandler(),
  ]);
  onTestFinished(() => backend.close());
  const zip = illness.source === undefined ? shipped.zip : await zipOf({ "index.mjs": illness.source });
  const sha256 = createHash("sha256").update(zip).digest("base64");
  // Tagged as a deploy tags what it brings itself.
  const code = { zip, zipSha256: sha256, codeFrom: "shipped" as const };
  const { variables, ...overrides } = illness.overrides ?? {};
  const { stack, deploy } = await openTestStack(local.url, {
    ...code,
    backendUrl: backend.url,
    variables: { SIGNING_KEYS: key, ...variables },
    ...overrides,
  });
  const changes = await deploy();
  const attributesOf = (wanted: unknown) =>
    changes.find(({ resource }) => resource === wanted)?.attributes ?? {};
  return {
    ...local,
    FunctionName: names.functionName,
    RoleName: `${names.functionName}-role`,
    StageName: names.stage,
    ApiId: attributesOf(stack.api).ApiId ?? "",
    functionArn: attributesOf(stack.lambdaFunction).FunctionArn ?? "",
    backendUrl: backend.url,
    key,
    sha256,
  };
}

/** What the doctor is told besides. */
export interface Question {
  account?: string;
  taskRole?: string;
  token?: string;
  accessLogs?: "on";
}

/** What the doctor says of all hops. */
export async function examined(
  { url, sha256 }: Pick<Patient, "url" | "sha256">,
  { account, taskRole, token = "good", accessLogs }: Question = {},
): Promise<CheckLine[]> {
  const { signal } = new AbortController();
  const aws = await connectAws(
    { local: true, port: Number(new URL(url).port), endpointUrl: undefined, region: names.region },
    { report: () => undefined, signal, timeScale: 0.01 },
  );
  onTestFinished(() => aws.close());
  const readers = readersOf({
    aws,
    names: { ...names, account },
    client: { booking: "1", token, type: "booking", backendUrl: undefined },
    expected: { sha256, handler: "index.handler", runtime: "nodejs24.x" },
    named: "shipped",
    accessLogs,
    taskRole,
    signal,
    timeScale: 0,
  });
  return await examine(doctorChecks, openEvidence(readers));
}

/** The causes that it tells, in the order of the hops. */
export const causesIn = (lines: readonly CheckLine[]) =>
  lines.flatMap(({ id, outcome, code }) => (code === null ? [] : [`${outcome} ${id}: ${code}`]));
