import type { BackendProbe } from "../../src/verify/backend/ask-once.ts";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { advicePrinter } from "../../src/cli/print-advice.ts";
import { resolve } from "../../src/cli/resolve.ts";
import { contractRows, explainFrame, frameRows } from "../../src/client/frames.ts";
import { explainHandshake, statusRows, type HandshakeFailure } from "../../src/client/handshake.ts";
import { isInvocation, partsOf, type Advice } from "../../src/errors/advice.ts";
import { profileFailure } from "../../src/aws/profile-failures.ts";
import { NotAwsAnswer } from "../../src/aws/answers.ts";
import { errorCodes } from "../../src/errors/codes.ts";
import { CliError } from "../../src/errors/error.ts";
import { explain, explanations, factsOf } from "../../src/errors/explain.ts";
import {
  explainConnection,
  explainNetwork,
  networkRows,
  type NetworkFailure,
} from "../../src/errors/network.ts";
import { answerRows, diagnose, failureRows, type Outcome } from "../../src/verify/judge.ts";

/** An error as AWS's clients or Node throw it. */
const failure = (properties: Record<string, unknown>, message = "some words") =>
  Object.assign(new Error(message), properties);
const refused = (address: string, port: number) =>
  failure({ code: "ECONNREFUSED", address, port }, `connect ECONNREFUSED ${address}:${port}`);
const denied = (rest: string) =>
  failure(
    { name: "AccessDeniedException" },
    "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:GetFunction " +
      `on resource: arn:aws:lambda:us-east-1:123456789012:function:f ${rest}`,
  );
const noCredentials = (message: string) => failure({ name: "CredentialsProviderError" }, message);

/** What is printed of an advice in an ordinary run. */
const printer = advicePrinter(["shelfshack-ws"], resolve({}, {}, tmpdir()));

/** Each command in an advice is one that the program understands, and no text names one by itself. */
function expectFollowable(advice: Advice): void {
  for (const words of printer.argv(advice)) {
    const request = readArguments(words, "0.0.0");
    expect(request.kind, words.join(" ")).toBe("command");
  }
  for (const part of partsOf(advice))
    if (!isInvocation(part)) expect(part).not.toMatch(/shelfshack-ws [a-z]/);
}

describe("AWS's and Node's errors", () => {
  const examples = [
    ["an expired token", failure({ name: "ExpiredTokenException" }), "credentials-expired"],
    ["an expired token in a query service", failure({ name: "ExpiredToken" }), "credentials-expired"],
    ["no credentials", noCredentials("Could not load credentials from any providers"), "no-credentials"],
    ["no region", failure({}, "Region is missing"), "no-region"],
    ["a wrong clock", failure({ name: "RequestTimeTooSkewed" }), "clock-wrong"],
    ["an unknown key", failure({ name: "UnrecognizedClientException" }), "access-key-unknown"],
    [
      "a call of another user of the machine",
      failure(
        { name: "UnrecognizedClientException" },
        "The security token included in the request is invalid. The local AWS: the call is from another " +
          "user, 1001; `outputs --for backend --local --out FILE` writes an access key for it",
      ),
      "local-aws-of-another",
    ],
    ["a wrong secret", failure({ name: "SignatureDoesNotMatch" }), "signature-refused"],
    ["a name that the local AWS refuses", failure({ name: "NotAllowedByLocalAws" }), "local-aws-refused"],
    [
      "an explicitly denied call",
      denied("with an explicit deny in a service control policy"),
      "denied-explicitly",
    ],
    ["a denied call", denied("because no identity-based policy allows it"), "denied"],
    ["a denied call that names no action", failure({ name: "AccessDenied" }), "denied"],
    ["throttling", failure({ name: "TooManyRequestsException" }), "throttled"],
    ["a proxy with a login", failure({ $response: { statusCode: 407 } }), "proxy-login-needed"],
    [
      "a proxy that refuses",
      failure({ proxy: "proxy.example:3128", proxyStatus: 403, hostname: "sts.amazonaws.com" }),
      "proxy-refused",
    ],
    [
      "a proxy that is gone",
      failure({ proxy: "proxy.example:3128", code: "ECONNREFUSED" }),
      "connection-refused",
    ],
    [
      "another service at a local port",
      new NotAwsAnswer("no request id", 200, { hostname: "127.0.0.1", port: 4711 }),
      "not-an-aws-answer",
    ],
    ["a sign-in page", failure({}, "Deserialization error: to see the raw response"), "not-an-aws-answer"],
    [
      "a failure of AWS",
      failure({ name: "ServiceException", $metadata: { httpStatusCode: 503 } }),
      "aws-unavailable",
    ],
    ["a port in use", failure({ code: "EADDRINUSE", syscall: "listen", port: 4566 }), "port-in-use"],
    ["a port of the system", failure({ code: "EACCES", syscall: "listen", port: 80 }), "port-unusable"],
    [
      "an address of another machine",
      failure({ code: "EADDRNOTAVAIL", syscall: "listen", address: "203.0.113.7", port: 80 }),
      "address-unusable",
    ],
    ["a missing file", failure({ code: "ENOENT", path: "/x/e.json" }), "file-unusable"],
    ["a full disk", failure({ code: "ENOSPC", path: "/x/e.json" }), "machine-exhausted"],
    [
      "something that another run deleted",
      failure({ name: "NotFoundException", $metadata: { httpStatusCode: 404 } }),
      "changed-meanwhile",
    ],
    [
      "a call that AWS refuses",
      failure({ name: "BadRequest", $metadata: { httpStatusCode: 400 } }),
      "aws-refused",
    ],
  ] as const;

  test.each(examples)("S34 %s", async (_what, error, code) => {
    const explained = explain(error);
    expect(explained.code).toBe(code);
    expect(explained.message).not.toContain("\n");
    expect(explained.cause).toBe(error);
    expectFollowable(explained.hint ?? "");
  });

  test("each row is reached by an example", () => {
    const rowOf = (error: Error) => explanations.find(({ when }) => when(factsOf(error, undefined)));
    const reached = new Set(examples.map(([, error]) => rowOf(error)));
    expect(explanations.filter((row) => !reached.has(row)).map(({ code }) => code)).toEqual([]);
  });

  test("D-06 what answers on this machine instead of the local AWS is a matter of the port", () => {
    const at = (hostname: string) =>
      explain(new NotAwsAnswer("no request id", 200, { hostname, port: 4566 }));
    expect(at("127.0.0.1").hint).toContain("SHELFSHACK_PORT");
    expect(at("lambda.us-east-1.amazonaws.com").hint).toContain("--endpoint-url");
  });

  test.each([
    ["permissions boundary", "because no permissions boundary allows the lambda:GetFunction action"],
    ["session policy", "because no session policy allows the lambda:GetFunction action"],
    ["service control policy", "because no service control policy allows the lambda:GetFunction action"],
    ["resource control policy", "because no resource control policy allows the lambda:GetFunction action"],
    ["VPC endpoint policy", "because no VPC endpoint policy allows the lambda:GetFunction action"],
    ["service control policy", "with an explicit deny in a service control policy"],
    ["identity-based policy", "with an explicit deny in an identity-based policy"],
  ])("F-11 a call that a %s denies needs more than a statement: %s", (policy, why) => {
    const { hint } = explain(denied(why));
    expect(hint).toContain(`the ${policy} `);
    expect(hint).not.toContain("Statement");
    expect(hint).not.toContain('"Effect"');
  });

  test("F-11 a denial that names no resource says so", () => {
    const message = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:CreateRole";
    const { hint } = explain(failure({ name: "AccessDenied" }, message));
    expect(hint).toContain(
      '(AWS named no resource): {"Effect":"Allow","Action":"iam:CreateRole","Resource":"*"}',
    );
  });

  test("F-11 where nothing answers at an address of this machine, what names it is named", () => {
    const refused = failure({ code: "ECONNREFUSED", address: "127.0.0.1", port: 9 });
    expect(explain(refused).code).toBe("local-aws-not-running");
    const { code, hint } = explain(refused, { addressFrom: "AWS_ENDPOINT_URL" });
    expect(code).toBe("connection-refused");
    expectFollowable(hint ?? "");
    expect(String(hint)).toContain("AWS_ENDPOINT_URL");
  });

  test("a denied call is explained with the statement that it needs", () => {
    expect(explain(denied("because no identity-based policy allows it")).hint).toContain(
      '{"Effect":"Allow","Action":"lambda:GetFunction",' +
        '"Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"}',
    );
  });

  test("D-31 the clock's offset is reported when AWS's answer has a date", () => {
    const date = new Date(Date.now() - 7_200_000).toUTCString();
    expect(
      explain(failure({ name: "RequestTimeTooSkewed", $response: { headers: { date } } })).message,
    ).toMatch(/120 minutes ahead$/);
  });
});

describe("a profile's way to credentials", () => {
  test.each([
    [
      "sso",
      {},
      noCredentials("The SSO session associated with profile=dev has expired. Run aws sso login"),
      "credentials-expired",
      /^the SSO session of AWS profile "dev" has expired$/,
    ],
    [
      "sso",
      {},
      noCredentials("The SSO session token associated with profile=dev was not found or is invalid."),
      "sso-failed",
      /^no SSO session for AWS profile "dev": The SSO session token/,
    ],
    [
      "web-identity",
      {},
      failure({ name: "InvalidIdentityToken", $metadata: { httpStatusCode: 400 } }, "no issuer"),
      "web-identity-failed",
      /^AWS refused the token of profile "dev": InvalidIdentityToken: no issuer$/,
    ],
    [
      "web-identity",
      {},
      failure({ name: "ExpiredTokenException" }, "Token expired: current date is later"),
      "web-identity-failed",
      /^AWS refused the token of profile "dev": ExpiredTokenException: Token expired/,
    ],
    [
      "keys",
      { aws_access_key_id: "a b", aws_secret_access_key: "c" },
      new Error("it gave credentials that are none"),
      "profile-incomplete",
      /^AWS profile "dev": its aws_access_key_id holds what no key has/,
    ],
  ] as const)("by %s: %o", (way, section, error, code, message) => {
    const explained = profileFailure(error, [{ name: "dev", section, way }]);
    expect(explained).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("the network", () => {
  const at = (
    code: string,
    peer: NetworkFailure["peer"] = "deployed",
    more: Partial<NetworkFailure> = {},
  ): NetworkFailure => ({ peer, code, detail: "some detail", address: "h.example:443", ...more });
  const examples = [
    ["local-aws-not-running", at("ECONNREFUSED", "local")],
    ["local-aws-not-running", at("ECONNREFUSED", "aws", { address: "[::1]:4566" })],
    ["connection-refused", at("ECONNREFUSED", "backend", { address: "127.0.0.1:8000" })],
    ["host-not-found", at("ENOTFOUND")],
    ["name-server-failed", at("EAI_AGAIN")],
    ["unreachable", at("EHOSTUNREACH")],
    ["connection-reset", at("ECONNRESET")],
    ["certificate-invalid", at("CERT_HAS_EXPIRED")],
    ["certificate-invalid", at("ERR_TLS_CERT_ALTNAME_INVALID")],
    ["certificate-invalid", at("SELF_SIGNED_CERT_IN_CHAIN")],
    ["tls-failed", at("EPROTO")],
    ["not-http", at("HPE_INVALID_CONSTANT", "backend")],
    ["timed-out", at("", "deployed", { phase: "lookup", afterMs: 5 })],
    ["timed-out", at("ETIMEDOUT", "backend", { phase: "connect" })],
    ["timed-out", at("", "backend", { phase: "tls" })],
    ["timed-out", at("", "given", { phase: "http" })],
    ["timed-out", at("ETIMEDOUT", "aws")],
  ] as const;
  const peers = ["aws", "backend", "deployed", "local", "given"] as const;

  test.each(examples)("S20 %s: %o", async (code, example) => {
    const explained = explainNetwork(example);
    expect(explained).toMatchObject({
      code,
      meaning: expect.stringContaining(example.address.split(":")[0] ?? ""),
    });
    for (const peer of peers) expectFollowable(explainConnection({ ...example, peer }).hint);
    const given = explainConnection({ ...example, peer: "given" }).hint;
    expect(printer.argv(given), "no stack is known behind --url").toEqual([]);
  });

  test("each row is reached by an example", () => {
    const reached = new Set(examples.map(([, example]) => networkRows.find(({ when }) => when(example))));
    expect(networkRows.filter((row) => !reached.has(row)).map(({ code }) => code)).toEqual([]);
  });

  test("a connection that failed otherwise is reported in Node's words", () => {
    expect(explainNetwork(at("EWEIRD"))).toBeUndefined();
    expect(explainConnection(at("EWEIRD"))).toMatchObject({
      code: "unreachable",
      meaning: "h.example:443: some detail",
    });
  });

  test("an AWS call that fails there is explained by the same rows, also behind several addresses", () => {
    const attempts = new AggregateError([refused("::1", 4566), refused("127.0.0.1", 4566)]);
    for (const error of [attempts, new Error("read failed", { cause: attempts })])
      expect(explain(error)).toMatchObject({
        code: "local-aws-not-running",
        message: "no local AWS at [::1]:4566",
      });
    expect(explain(failure({ code: "ENOTFOUND", hostname: "lambda.us-esat-1.amazonaws.com" })).code).toBe(
      "host-not-found",
    );
    expect(explain(failure({ name: "TimeoutError" })).code).toBe("timed-out");
  });
});

describe("a refused handshake", () => {
  const address = new URL("wss://abc.execute-api.us-east-1.amazonaws.com/dev?token=t");
  const status = (code: number): HandshakeFailure => ({ kind: "status", status: code, body: "" });
  const examples = [
    [400, "handshake-400"],
    [401, "handshake-401"],
    [403, "handshake-403"],
    [404, "handshake-404"],
    [409, "handshake-409"],
    [429, "handshake-429"],
    [500, "handshake-500"],
    [502, "handshake-502"],
    [503, "handshake-503"],
    [504, "handshake-504"],
    [200, "not-websocket"],
    [426, "not-websocket"],
    [302, "redirected"],
    [418, "handshake-other"],
  ] as const;

  test.each(examples)("S20 %i is %s", async (found, code) => {
    const deployed = explainHandshake(status(found), address);
    expect(deployed.code).toBe(code);
    expectFollowable(deployed.hint);
    const given = explainHandshake(status(found), address, "given");
    const unknown = explainHandshake(status(found), address, "deployed", "unknown");
    expect(given).toMatchObject({ code, meaning: unknown.meaning });
    expect(printer.argv(given.hint), "no stack is known behind --url").toEqual([]);
    // Nothing else of these is a backend's to say.
    const own = explainHandshake(status(found), address, "local", "own");
    expect(own.code).toBe(code);
    expectFollowable(own.hint);
    expect(printer.text([own.meaning, " ", ...partsOf(own.hint)])).not.toMatch(/backend|key|token is/);
  });

  test.each([
    ["a token of the demo's", "/dev?token=demo-ann", "local", "shipped", false],
    ["another token", "/dev?token=t", "local", "shipped", true],
    ["no token", "/dev", "local", "unknown", true],
    ["own code", "/dev?token=t", "local", "own", false],
    ["AWS", "/dev?token=t", "deployed", "shipped", false],
  ] as const)("the demo's token is named where it may help: %s", (_what, path, source, whose, isNamed) => {
    const { hint } = explainHandshake(status(401), new URL(path, address), source, whose);
    expect(printer.text(hint).includes("if the backend is the demo's")).toBe(isNamed);
  });

  test("F-11 a 400 to a client with a booking leads to the backend's own words", () => {
    const of = (query: string) => explainHandshake(status(400), new URL(`/dev?${query}`, address));
    expect(of("token=t").hint).toContain("--booking");
    expect(printer.argv(of("booking_id=1").hint)).toEqual([["test"]]);
    expect(of("booking_id=1").meaning).not.toContain("booking_id is missing");
  });

  test("F-11 a subprotocol that is chosen unasked is no sign of another server", () => {
    const detail = "Server sent a subprotocol but none was requested";
    expect(explainHandshake({ kind: "subprotocol", detail }, address)).toMatchObject({
      code: "subprotocol-refused",
      meaning: expect.stringContaining("although none was asked for"),
    });
  });

  test("S20 a 401 without a token has a code of its own", () => {
    expect(explainHandshake(status(401), new URL("/dev?booking_id=1", address)).code).toBe(
      "handshake-401-no-token",
    );
  });

  test("each row is reached by an example", () => {
    const sent = [{ token: true }, { token: false }];
    const reached = new Set(
      examples.flatMap(([found]) => sent.map((one) => statusRows.find(({ when }) => when(found, one)))),
    );
    expect(statusRows.filter((row) => !reached.has(row)).map(({ code }) => code)).toEqual([]);
  });
});

test.each(Object.keys(frameRows))("S21 API Gateway's frame %j is explained", async (message) => {
  const frame = JSON.stringify({ message, connectionId: "c", requestId: "r" });
  expect(explainFrame(frame)).toBe(frameRows[message]);
  expectFollowable(frameRows[message]?.fix ?? "");
});

test.each(Object.keys(contractRows))("F-49 the handler's frame %j is explained", (code) => {
  const frame = (request_id: string) => explainFrame(JSON.stringify({ type: "error", code, request_id }));
  expect(frame("UbT2nH5bIAMFSnA=")).toMatchObject({ ...contractRows[code] });
  const fix = frame("UbT2nH5bIAMFSnA=")?.fix ?? "";
  expectFollowable(fix);
  expect(printer.text(fix)).toContain("--request UbT2nH5bIAMFSnA=");
  // What is no id is not put into a command.
  expect(frame("; rm -rf /")).toEqual(contractRows[code]);
  expect(explainFrame('{"type":"error","code":"own"}')).toBeUndefined();
});

describe("an invocation", () => {
  const outcome = (more: Partial<Outcome>): Outcome => ({
    functionError: false,
    statusCode: 200,
    answer: {},
    log: [],
    madeUpToken: true,
    owner: "shipped",
    ...more,
  });
  const failed = (errorType: string, errorMessage = "") =>
    outcome({ functionError: true, statusCode: null, answer: { errorType, errorMessage } });
  const returned = (statusCode: number, line: object = {}, more: Partial<Outcome> = {}) =>
    outcome({ statusCode, log: [JSON.stringify({ event: "connect", ...line })], ...more });
  const said = (code: BackendProbe["code"]): BackendProbe => {
    return { code, backendUrl: "https://api.example.com", meaning: "as the backend says", fix: null };
  };
  const failures = [
    ["handler-not-loadable", failed("Runtime.ImportModuleError")],
    ["handler-not-exported", failed("Runtime.HandlerNotFound")],
    ["handler-timed-out", failed("Sandbox.Timedout")],
    ["process-ended", failed("Runtime.ExitError")],
    ["answer-too-big", failed("Function.ResponseSizeTooLarge")],
    ["handler-threw", failed("TypeError", "x is undefined")],
  ] as const;
  const answers = [
    ["handler-misconfigured", returned(500, { reason: "configuration" })],
    ["type-invalid", returned(400, { code: "bad_type" })],
    ["booking-missing", returned(400, { code: "no_booking" })],
    ["token-missing", returned(401, { code: "no_token" })],
    ["event-malformed", returned(400, { code: "malformed_event" })],
    ["accepted", returned(200)],
    ["accepted-odd-status", returned(204)],
    ["message-refused", returned(200, { code: "rejected", backendStatus: 422 })],
    ["backend-answer-invalid", returned(502, { code: "x", backendStatus: 200 })],
    ["backend-timeout", returned(504)],
    ["backend-unreachable", returned(502, { code: "x" })],
    ["handler-failed", returned(500)],
    ["backend-host-refused", returned(400, { backendStatus: 400 }, { probe: said("backend-host-refused") })],
    ["backend-endpoint-missing", returned(404, {}, { probe: said("backend-endpoint-missing") })],
    ["backend-fields-refused", returned(502, { backendStatus: 422 })],
    ["keys-unknown", returned(401, {}, { probe: said("keys-unknown") })],
    ["token-refused", returned(401, {}, { probe: said("reached") })],
    ["token-or-keys", returned(401)],
    ["backend-refused", returned(403)],
  ] as const;

  test.each([...failures, ...answers, ["answer-unreadable", outcome({ statusCode: null })] as const])(
    "that ends as %s",
    async (code, example) => {
      const found = diagnose(example);
      expect(found.code).toBe(code);
      expectFollowable(found.fix ?? "");
    },
  );

  test("each row is reached by an example", () => {
    const reached = new Set<string>([...failures, ...answers].map(([code]) => code));
    expect(
      [...failureRows, ...answerRows].map(({ code }) => code).filter((code) => !reached.has(code)),
    ).toEqual([]);
  });

  test("a made-up token is named where the backend judged it", () => {
    expect(diagnose(returned(403)).meaning).toContain("a made-up one was sent");
    expect(diagnose(returned(403, {}, { madeUpToken: false })).meaning).not.toContain("made-up");
  });
});

test("F-11 a failure without a type shows what Lambda answered", () => {
  const failure = {
    functionError: true,
    statusCode: null,
    log: [],
    madeUpToken: false,
    owner: "shipped" as const,
  };
  expect(diagnose({ ...failure, answer: "odd" }).meaning).toBe('the handler threw an error ("odd")');
});

test("one cause has one row: no code stands in two, but a time limit for each phase", () => {
  const rows = [...explanations, ...networkRows, ...statusRows, ...answerRows, ...failureRows];
  const codes = rows.map(({ code }) => code).filter((code) => code !== "timed-out");
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

test("a CliError stays what it is, also as a cause", () => {
  const told = new CliError("not-ours", "told");
  expect(explain(told)).toBe(told);
  expect(explain(new Error("wrapped", { cause: told }))).toBe(told);
});

test("anything else is a bug: one line, exit code 1, and where the stack is", () => {
  for (const thrown of [
    new TypeError("x is undefined\nsecond line"),
    "text",
    undefined,
    null,
    { odd: true },
  ]) {
    const { code, message, hint, exitCode } = explain(thrown);
    expect(code).toBe("bug");
    expect(message).toMatch(/^unexpected failure: .*[^\n]*$/);
    expect(hint).toContain("--debug");
    expect(exitCode).toBe(1);
  }
});

test("every error code is used somewhere", () => {
  const root = new URL("../../src/", import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== "errors/codes.ts")
    .map((file) => readFileSync(new URL(file, root), "utf8"))
    .join("\n");
  expect(Object.keys(errorCodes).filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
});
