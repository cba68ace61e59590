import { expect, test } from "vitest";
import { explainHandshake } from "../../src/client/handshake.ts";
import { CliError } from "../../src/errors/error.ts";
import type { Verdict } from "../../src/verify/check.ts";
import { examine } from "../../src/verify/examine.ts";
import { Absent, openEvidence, type Evidence, type Names, type Readers } from "../../src/verify/evidence.ts";
import { doctorChecks, proofChecks, testChecks } from "../../src/verify/selections.ts";
import { backendChecks } from "../../src/verify/backend/all-checks.ts";
import { arnLike } from "../../src/contract/wildcard.ts";

const names = {
  functionName: "proxy",
  apiName: "api",
  stage: "dev",
  region: "us-east-1",
  account: undefined,
};
const caller = { account: "111122223333", arn: "arn:aws:iam::111122223333:user/ann", partition: "aws" };
const aws = "wss://abcdefghij.execute-api.us-east-1.amazonaws.com";

/** What a check says of evidence of which only this much matters. */
function said(id: string, evidence: object, more: Partial<Names> = {}): Verdict {
  const one = doctorChecks.find((check) => check.id === id);
  if (!one) throw new Error(`no check ${id}`);
  // What was written last serves.
  const { lambda } = evidence as { lambda?: object };
  return one.judge({ names: { ...names, ...more }, latest: lambda, ...evidence } as never);
}

/** By check: evidence that no local AWS has, and what is said of it. */
const rows: readonly (readonly [id: string, says: string, evidence: object])[] = [
  ["clock", "passed", { caller: { ...caller, clockOffMs: 900 } }],
  ["clock", "clock-wrong", { caller: { ...caller, clockOffMs: -240_000 } }],
  ["function", "function-failed", { lambda: { State: "Failed", StateReason: "no image" } }],
  ["function", "function-failed", { lambda: { State: "Active", LastUpdateStatus: "Failed" } }],
  ["function", "function-changing", { lambda: { State: "Pending" } }],
  ["function", "passed", { lambda: { State: "Inactive", LastUpdateStatus: "Successful" } }],
  ["function", "function-failed", { lambda: { State: "Active" }, latest: { LastUpdateStatus: "Failed" } }],
  ["concurrency", "concurrency-low", { concurrency: { reserved: undefined, account: 10 } }],
  ["concurrency", "passed", { concurrency: { reserved: 5, account: 10 } }],
  ["backend-place", "backend-url-private", placed("http://127.0.0.1:8000")],
  ["backend-place", "backend-url-private", placed("http://10.0.0.7")],
  ["backend-place", "passed", placed("http://10.0.0.7", { VpcId: "vpc-1" })],
  ["backend-place", "backend-url-private", placed("http://localhost:8000", { VpcId: "vpc-1" })],
  ["backend-place", "passed", placed("https://api.example.com")],
  ["environment", "variables-unreadable", { lambda: { Environment: { Error: { Message: "no kms" } } } }],
  ["environment", "backend-url-invalid", variables({ BACKEND_URL: "api.example.com" })],
  ["environment", "signing-keys-missing", variables({ BACKEND_URL: "https://api.example.com" })],
  ["environment", "signing-keys-invalid", variables({ BACKEND_URL: "https://a.b", SIGNING_KEYS: "x" })],
  ["settings", "passed", { lambda: { Runtime: "nodejs24.x", Timeout: 30 } }],
  ["settings", "runtime-deprecated", { lambda: { Runtime: "python3.8", Timeout: 30 } }],
  ["routes", "route-missing", { routes: [], snapshot: { isOfDeploy: false } }],
  ["integration", "integration-wrong-type", integrated({ IntegrationType: "HTTP_PROXY" })],
  ["integration", "integration-other-function", integrated({ IntegrationType: "AWS_PROXY" })],
  ["throttle", "stage-throttled", { stage: { RouteSettings: { $connect: { ThrottlingBurstLimit: 0 } } } }],
  ["endpoint", "endpoint-wss", sending(`${aws}/dev`)],
  ["endpoint", "endpoint-other-stage", sending(`${aws.replace("wss", "https")}/prod`)],
  ["endpoint", "endpoint-invalid", sending("abcdefghij")],
  ["endpoint", "passed", sending(`${aws.replace("wss", "https")}/dev/`)],
  ["reached", "backend-unreachable", tested({ code: "backend-unreachable", backendReached: false })],
  ["reached", "backend-timeout", tested({ code: "backend-timeout", backendReached: null })],
  ["reached", "skipped", tested({ code: "handler-threw", backendReached: null })],
  ["accepted", "backend-refused", tested({ code: "backend-refused", backendReached: true })],
  ["accepted", "token-refused", tested({ code: "token-refused", backendReached: true })],
  ["accepted", "skipped", tested({ code: "backend-unreachable", backendReached: false })],
  ["push", "refused", { frames: { code: "refused", reached: false, meaning: "403" } }],
  ["push", "older-handler", { frames: { code: "older-handler", reached: null, meaning: "older" } }],
  ["message", "skipped", { ...arriving({ code: "not-asked", reached: null }), owner: "own" }],
  ["message", "not-arrived", arriving({ code: "not-arrived", reached: false })],
  ["message", "passed", arriving({ code: "reached", reached: true })],
];

function tested(invocation: object) {
  return {
    invocation: { handlerRan: true, configured: true, passed: false, meaning: "it failed", ...invocation },
  };
}
function arriving(frames: object) {
  return { socket: { roundTrip: { open: true }, frames } };
}

function placed(BACKEND_URL: string, VpcConfig?: object) {
  return { lambda: { Environment: { Variables: { BACKEND_URL } }, VpcConfig }, api: { ApiEndpoint: aws } };
}
function variables(Variables: object) {
  return { lambda: { Environment: { Variables } } };
}
function sending(API_GATEWAY_ENDPOINT: string) {
  return { ...variables({ API_GATEWAY_ENDPOINT }), api: { ApiId: "abcdefghij", ApiEndpoint: aws } };
}
function integrated(integration: object) {
  const routes = [{ RouteKey: "$connect", Target: "integrations/i" }];
  return {
    caller,
    routes,
    snapshot: { isOfDeploy: false },
    integrations: [{ IntegrationId: "i", ...integration }],
  };
}

test.each(rows)("%s: %s", (id, says, evidence) => {
  const verdict = said(id, evidence);
  expect("code" in verdict ? verdict.code : verdict.outcome).toBe(says);
});

const json = { "content-type": "application/json" };
const answered = (status: number, body = "") => ({ status, headers: json, body: Buffer.from(body), ms: 1 });

/** For every check of a backend: an answer that it does not let pass. */
const answers: readonly (readonly [ids: RegExp, says: string, answer: unknown])[] = [
  [/^reachable$/, "backend-host-refused", answered(400, "Invalid host header")],
  [/^redirect$/, "backend-redirects", [{ path: "/ws", exchange: answered(307) }]],
  [/^endpoint-/, "backend-endpoint-missing", { exchange: answered(404), where: "POST /ws", pathname: "/ws" }],
  [/^entry$/, "keys-unknown", { exchange: answered(401), path: "/ws" }],
  [/^backend-clock$/, "backend-clock-wrong", -600_000],
  [/^register$/, "backend-refused", answered(409)],
  [/^bad-token$/, "token-unchecked", answered(204)],
  [/-repeated$/, "answers-forgotten", [answered(200, "1"), answered(200, "2")]],
  [/^time-within$/, "tolerance-short", [answered(204), answered(401)]],
  [/^(signature|header|path|connection|time)-/, "signature-unchecked", { exchange: answered(204) }],
  [/^each-key$/, "keys-unknown", ["whsec_b"]],
  [/^every-worker$/, "registry-not-shared", [answered(204), answered(401)]],
  [/^message-answer$/, "connection-forgotten", answered(401)],
  [/^fan-out$/, "backend-answer-invalid", { exchange: answered(200, '{"deliver":1}') }],
  [/^odd-/, "backend-failed", { exchange: answered(500) }],
  [/^body-over-limit$/, "body-limit-missing", { exchange: answered(204), isAlive: true }],
  [/^message-unknown$/, "connection-unchecked", answered(204)],
  [/^disconnect-twice$/, "end-refused", [answered(204), answered(404)]],
  [/^disconnect-unknown$/, "end-refused", answered(404)],
  [/^times$/, "backend-slow", [{ endpoint: "message", ms: 2_000 }]],
];

test.each(backendChecks.map(({ id }) => id))("%s of a backend tells an answer of its own", (id) => {
  const [, says, answer] = answers.find(([ids]) => ids.test(id)) ?? [];
  const subject = { backendUrl: "http://a.b", isOfFunction: true, token: "t", keys: ["whsec_a", "whsec_b"] };
  const about = (said: object) =>
    backendCheck(id).judge({ backend: { subject, said: new Map([[id, said]]) } } as never);
  expect(about({ kind: "answered", answer })).toMatchObject({ code: says });
  const unasked = { kind: "unasked", because: "no keys", missing: "keys" };
  expect(about(unasked)).toEqual({ outcome: "skipped", because: "no keys", missing: "keys" });
});

test("what the function reaches and this machine does not is a warning", () => {
  const exchange = { phase: "connect", code: "ECONNREFUSED", detail: "", address: "a.b:80", ms: 1 };
  const backend = {
    subject: { backendUrl: "http://a.b", isOfFunction: false },
    said: new Map([["reachable", { kind: "answered", answer: exchange }]]),
  };
  const from = (backendReached: boolean) =>
    backendCheck("reachable").judge({ backend, invocation: { backendReached } } as never);
  expect(from(false)).toMatchObject({ outcome: "failed", code: "connection-refused" });
  expect(from(true)).toMatchObject({ outcome: "warning", code: "connection-refused" });
});

function backendCheck(id: string) {
  const one = backendChecks.find((check) => check.id === id);
  if (!one) throw new Error(`no check ${id}`);
  return one;
}

const permission = (SourceArn: string, more: object = {}) => ({
  caller,
  api: { ApiId: "abcdefghij" },
  policy: {
    qualifier: undefined,
    statements: [
      {
        Effect: "Allow",
        Action: "lambda:InvokeFunction",
        Principal: { Service: "apigateway.amazonaws.com" },
        Condition: {
          ArnLike: { "AWS:SourceArn": `arn:aws:execute-api:us-east-1:111122223333:${SourceArn}` },
        },
        ...more,
      },
    ],
  },
});

test.each([
  ["abcdefghij/dev/*", "passed", {}],
  ["abcdefghij/*/*", "passed", {}],
  ["abcdefghij/*", "passed", {}],
  ["abcdefghij/*/*/*", "permission-segments", {}],
  ["abcdefghij/prod/*", "permission-other-api", {}],
  ["klmnopqrst/*/*", "permission-other-api", {}],
  ["abcdefghij/dev/$connect", "permission-routes", {}],
  ["abcdefghij/*/*", "permission-missing", { Principal: { Service: "events.amazonaws.com" } }],
  ["abcdefghij/*/*", "permission-missing", { Effect: "Deny" }],
  ["abcdefghij/*/*", "passed", { Action: ["lambda:*"], Principal: "*" }],
])("a permission for %s: %s", (source, says, more) => {
  const verdict = said("permission", permission(source, more));
  expect("code" in verdict ? verdict.code : verdict.outcome).toBe(says);
});

test("a star of an ARN reaches over no colon", () => {
  expect(arnLike("arn:aws:execute-api:*:1:api/*", "arn:aws:execute-api:us-east-1:1:api/dev/$connect")).toBe(
    true,
  );
  expect(arnLike("arn:aws:execute-api:*", "arn:aws:execute-api:us-east-1:1:api/dev/$connect")).toBe(false);
});

test("doctor, test, proof and backend check choose among the same objects, each with its own id", () => {
  const all = new Set([...doctorChecks, ...testChecks, ...proofChecks, ...backendChecks]);
  const ids = [...all].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const selection of [testChecks, proofChecks])
    expect(selection.filter((one) => !doctorChecks.includes(one))).toEqual([]);
  expect(backendChecks.filter((one) => doctorChecks.includes(one)).length).toBeGreaterThan(10);
});

/** Readers that find nothing but what is given. */
function readers(given: Partial<Record<keyof Evidence, object | Error>>): Readers {
  const all: typeof given = { names, ...given };
  const read = (name: keyof Evidence) => () => {
    const value = all[name] ?? new Absent(`no ${name}`);
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  };
  return Object.fromEntries(
    [...new Set(doctorChecks.flatMap(({ needs, also = [] }) => [...needs, ...also]))].map((name) => [
      name,
      read(name),
    ]),
  ) as unknown as Readers;
}

test("what cannot be read is told once, by the check about it; what needs it is skipped", async () => {
  const denied = new CliError("denied", "not authorized to perform: lambda:GetFunctionConfiguration");
  const lines = await examine(doctorChecks, openEvidence(readers({ caller, lambda: denied })));
  const about = (id: string) => lines.find((line) => line.id === id);
  expect(about("function")).toMatchObject({ outcome: "warning", code: "denied", repair: [] });
  expect(about("environment")).toMatchObject({ outcome: "skipped", evidence: denied.message });
  expect(about("api")).toMatchObject({ outcome: "failed", code: "api-missing" });
  expect(lines.filter(({ code }) => code === "denied")).toHaveLength(1);
});

test("evidence is read once, whatever asks for it", async () => {
  let reads = 0;
  const counting = { ...readers({}), caller: () => Promise.resolve({ ...caller, clockOffMs: ++reads }) };
  await examine(doctorChecks, openEvidence(counting as unknown as Readers));
  expect(reads).toBe(1);
});

test("after a rollback no check advises a deploy by the way, and the older code is called that", async () => {
  const lambda = { CodeSha256: "older", Handler: "index.older" };
  const serving = { version: "2", isRolledBack: true };
  const expected = { sha256: "newest", handler: "index.handler" };
  const lines = await examine(doctorChecks, openEvidence(readers({ lambda, expected, serving })));
  for (const id of ["code", "handler"])
    expect(lines.find((line) => line.id === id)).toMatchObject({
      repair: [],
      fix: expect.arrayContaining([expect.objectContaining({ command: "releases" })]),
    });
  expect(lines.find(({ id }) => id === "code")).toMatchObject({
    code: "code-other",
    means: expect.stringContaining("release 2, an older one"),
  });
});

test("a route that is gone is still served by what a deploy has deployed", () => {
  const routes = ["$connect", "$disconnect"].map((RouteKey) => ({ RouteKey, Target: "integrations/i" }));
  const gone = (isOfDeploy: boolean) => said("routes", { routes, snapshot: { isOfDeploy } });
  expect(gone(true)).toMatchObject({ means: expect.stringMatching(/^not yet: /), repair: ["routes"] });
  expect(gone(false)).toMatchObject({
    means: expect.stringMatching(/^every message /),
    repair: ["routes", "stage"],
  });
});

const roleArn = "arn:aws:iam::111122223333:role/theirs";
const refused = (action: string) => ({ rights: [{ action, resource: "r/any", decision: "implicitDeny" }] });
const trust = { role: { arn: roleArn, trust: {} } };
const denied = { frames: { code: "denied", reached: false, meaning: "no" } };

test.each([
  ["push-right", refused("execute-api:ManageConnections"), '"Resource":["r/*"]'],
  ["log-right", refused("logs:PutLogEvents"), '"Action":["logs:PutLogEvents"]'],
  ["role", trust, '"Service":"lambda.amazonaws.com"'],
  ["push", denied, "to allow that"],
])("%s of a role that others own is for its owner to repair", (id, evidence, asked) => {
  expect(said(id, evidence, { roleArn })).toMatchObject({ fix: expect.stringContaining(asked), repair: [] });
  expect(said(id, evidence)).toMatchObject({ repair: [expect.stringMatching(/^(role|policy)$/)] });
});

const requestId = "UbT2aF9yIAMFkQg=";
const itsTrace = { command: "trace", args: [requestId] };
const traces = { command: "trace", args: [], options: { errors: true } };
const refusals: readonly [status: number, request: { requestId?: string }, advised: object][] = [
  [502, { requestId }, itsTrace],
  [502, { requestId: "not one of ours" }, { command: "logs tail" }],
  [502, {}, { command: "logs tail" }],
  // The function need not have been reached: its log may be silent.
  ...[403, 429, 500, 503].map((status): [number, object, object] => [status, {}, traces]),
  [500, { requestId }, itsTrace],
];
test.each(refusals)("a handshake that was refused with %i, and %j", (status, request, advised) => {
  const failure = { kind: "status", status, body: "", ...request } as const;
  const { code, meaning, hint: fix } = explainHandshake(failure, new URL(`${aws}/dev`));
  const verdict = said("handshake", { socket: { roundTrip: { open: false, ms: 1, code, meaning, fix } } });
  expect(verdict).toMatchObject({ fix: [expect.any(String), advised] });
});

const unauthorized = {
  open: false,
  ms: 1,
  status: 401,
  code: "handshake-401",
  meaning: "HTTP 401, or",
  fix: "a",
};
const lost = { ...unauthorized, status: 502, code: "handshake-502" };
test.each([
  [
    "a key that differs",
    unauthorized,
    { code: "keys-unknown", statusCode: 401 },
    "repair what failed before",
  ],
  ["a token", unauthorized, { code: "token-refused", statusCode: 401, fix: "pass a token" }, "pass a token"],
  ["a backend that is not reached", lost, { code: "backend-unreachable", statusCode: 502 }, "repair what"],
  ["a handler that throws", lost, { code: "handler-threw", statusCode: null }, "repair what failed before"],
])("a handshake that was refused for %s says so, and no more", (_, roundTrip, event, fix) => {
  const evidence = { socket: { roundTrip }, ...tested({ fix: null, ...event }) };
  const { status } = roundTrip;
  expect(said("handshake", evidence)).toMatchObject({ evidence: `HTTP ${status}: it failed` });
  expect(JSON.stringify(said("handshake", evidence))).toContain(fix);
});

test("a handshake that was refused although the same client was accepted says that", () => {
  const verdict = said("handshake", {
    socket: { roundTrip: unauthorized },
    ...tested({ passed: true, statusCode: 200 }),
  });
  expect(verdict).toMatchObject({ outcome: "warning", evidence: expect.stringContaining("just accepted") });
});

test("what AWS says is one word of the command that is advised", () => {
  const route = "x'; touch /tmp/p";
  const verdict = said("throttle", { stage: { RouteSettings: { [route]: { ThrottlingBurstLimit: 0 } } } });
  const { fix } = verdict as Verdict & { outcome: "failed" };
  expect(fix).toContain(String.raw`--route-key 'x'\''; touch /tmp/p'`);
});
