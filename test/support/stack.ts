import { createHash, randomBytes } from "node:crypto";
import type { Progress } from "../../src/progress.ts";
import { deploy, destroy, observe, plan, type Change } from "../../src/stack/engine.ts";
import type { Run } from "../../src/stack/create.ts";
import { stackOf, type StackConfig } from "../../src/resources/stack.ts";
import type { Step } from "../../src/settings/table.ts";
import { partsOf, scopeOf } from "../../src/stack/steps.ts";
import { connectAws } from "../../src/aws/clients.ts";
import { zipOf } from "./zip.ts";

/**
 * Every pause of the engine and of the retry table, scaled: a test waits milliseconds where a deploy waits
 * seconds.
 */
const TIME_SCALE = 0.01;

/** How long things may take: `timeScale` scales every pause, `requestMs` limits one call. */
export interface Timing {
  timeScale?: number;
  requestMs?: number;
}

/**
 * A stack against the local AWS at `url`, as one run of the program sees it: with its own run id, clients and
 * progress.
 */
export async function openTestStack(
  url: string,
  overrides: Partial<StackConfig> = {},
  { timeScale = TIME_SCALE, requestMs }: Timing = {},
) {
  const signal = new AbortController().signal;
  const progress: Progress[] = [];
  const report = (event: Progress) => void progress.push(event);
  const aws = await connectAws(
    { local: true, port: Number(new URL(url).port), endpointUrl: undefined, region: overrides.region },
    { report, signal, timeScale, ...(requestMs === undefined ? {} : { requestMs }) },
  );
  const walk: Run = { aws, report, signal, timeScale };
  const zip =
    overrides.zip ??
    (await zipOf({ "index.mjs": "export const handler = async () => ({ statusCode: 200 });" }));
  const stack = stackOf({
    region: aws.region,
    functionName: "shelfshack-websocket-proxy",
    apiName: "shelfshack-websocket-api",
    roleName: "shelfshack-websocket-proxy-role",
    stage: "dev",
    runtime: "nodejs24.x",
    handler: "index.handler",
    timeout: 30,
    memory: 256,
    logRetention: 30,
    backendUrl: "https://api.example.com",
    variables: {},
    account: undefined,
    zip,
    zipSha256: createHash("sha256").update(zip).digest("base64"),
    run: randomBytes(16).toString("hex"),
    ...overrides,
  });
  return {
    aws,
    stack,
    progress,
    deploy: (only?: Step[]) => deploy(stack, walk, scopeOf(partsOf({ only }))),
    plan: async () => plan(stack, await observe(stack, aws)),
    destroy: () => destroy(stack, walk),
  };
}

/** The ids of what is not as it should be. */
export const acting = (changes: readonly Change[]): string[] =>
  changes.filter(({ action }) => action !== "none").map(({ resource }) => resource.id);
