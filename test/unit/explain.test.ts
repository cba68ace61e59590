import { expect, test } from "vitest";
import { CliError } from "../../src/errors/error.ts";
import { explain } from "../../src/errors/explain.ts";

/** An error as AWS's clients or Node throw it. */
const failure = (properties: Record<string, unknown>, message = "some words") =>
  Object.assign(new Error(message), properties);
const refused = (address: string, port: number) =>
  failure({ code: "ECONNREFUSED", address, port }, `connect ECONNREFUSED ${address}:${port}`);
const denied = (rest: string) =>
  failure(
    { name: "AccessDeniedException" },
    `User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:f ${rest}`,
  );

test.each([
  [
    "no credentials",
    failure({ name: "CredentialsProviderError" }, "Could not load credentials from any providers"),
    "no AWS credentials were found",
    /aws configure/,
  ],
  ["an expired token", failure({ name: "ExpiredTokenException" }), "have expired", /aws sso login/],
  ["an expired token in a query service", failure({ name: "ExpiredToken" }), "have expired", /aws sso login/],
  [
    "an expired SSO session",
    failure(
      { name: "CredentialsProviderError" },
      "The SSO session associated with profile=dev has expired. Run aws sso login",
    ),
    "have expired",
    /aws sso login --profile dev/,
  ],
  [
    "an SSO session that never was",
    failure(
      { name: "CredentialsProviderError" },
      "The SSO session token associated with profile=dev was not found or is invalid.",
    ),
    "the SSO sign-in does not work",
    /aws sso login --profile dev/,
  ],
  [
    "an unknown profile",
    failure(
      { name: "CredentialsProviderError" },
      "Could not resolve credentials using profile: [nope] in configuration/credentials file(s).",
    ),
    'there is no AWS profile "nope"',
    /list-profiles/,
  ],
  ["no region", failure({}, "Region is missing"), "no AWS region is set", /--region us-east-1/],
  ["a wrong clock", failure({ name: "RequestTimeTooSkewed" }), "clock is wrong", /set the clock/],
  [
    "an unknown key",
    failure({ name: "UnrecognizedClientException" }),
    "does not know the access key",
    /AWS_ACCESS_KEY_ID/,
  ],
  [
    "a wrong secret",
    failure({ name: "SignatureDoesNotMatch" }),
    "refuses the request's signature",
    /AWS_SECRET_ACCESS_KEY/,
  ],
  [
    "throttling",
    failure({ name: "TooManyRequestsException" }),
    "limiting the rate",
    /run the same command again/,
  ],
  [
    "an unknown host",
    failure({ code: "ENOTFOUND", hostname: "lambda.us-esat-1.amazonaws.com" }),
    "lambda.us-esat-1.amazonaws.com could not be looked up (ENOTFOUND)",
    /region/,
  ],
  [
    "a refused connection",
    refused("10.0.0.1", 443),
    "10.0.0.1 port 443 refused the connection",
    /--endpoint-url/,
  ],
  [
    "a time limit",
    failure({ code: "ETIMEDOUT", address: "10.0.0.1", port: 443 }),
    "10.0.0.1 port 443 did not answer (ETIMEDOUT)",
    /network/,
  ],
  [
    "TLS",
    failure({ code: "SELF_SIGNED_CERT_IN_CHAIN" }, "self-signed certificate"),
    "the TLS connection to the server failed",
    /NODE_EXTRA_CA_CERTS/,
  ],
  ["a port in use", failure({ code: "EADDRINUSE", port: 4566 }), "port 4566 is in use", /--port 0/],
  [
    "a missing file",
    failure({ code: "ENOENT", path: "/x/e.json" }),
    '"/x/e.json" cannot be used: there is no such file',
    /path/,
  ],
  [
    "a denied call",
    denied("because no identity-based policy allows the lambda:GetFunction action"),
    "lambda:GetFunction",
    /"Action":"lambda:GetFunction","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"/,
  ],
  [
    "an explicitly denied call",
    denied("with an explicit deny in a service control policy"),
    "lambda:GetFunction",
    /forbids it explicitly/,
  ],
] as const)("34 %s", (_what, error, message, hint) => {
  const explained = explain(error);
  expect(explained.message).toContain(message);
  expect(explained.message).not.toContain("\n");
  expect(explained.hint).toMatch(hint);
  expect(explained.cause).toBe(error);
});

test("the local AWS that does not run is told with the command that starts it, also behind several addresses", () => {
  const attempts = new AggregateError([refused("::1", 4566), refused("127.0.0.1", 4566)]);
  for (const error of [refused("127.0.0.1", 4566), attempts, new Error("read failed", { cause: attempts })]) {
    expect(explain(error).message).toMatch(/^the local AWS does not run at (::1|127\.0\.0\.1) port 4566$/);
    expect(explain(error).hint).toContain("shelfshack-ws local");
  }
});

test("D-31 how far the clock is off is said when AWS's answer tells the time", () => {
  const date = new Date(Date.now() - 7_200_000).toUTCString();
  expect(
    explain(failure({ name: "RequestTimeTooSkewed", $response: { headers: { date } } })).message,
  ).toMatch(/120 minutes ahead$/);
});

test("the profile that was asked for is named, because the SDK does not", () => {
  const error = failure(
    { name: "CredentialsProviderError" },
    "Could not load credentials from any providers",
  );
  expect(explain(error, { profile: "staging" })).toMatchObject({
    message: expect.stringContaining('"staging"'),
    exitCode: 2,
  });
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
    const { message, hint, exitCode } = explain(thrown);
    expect(message).toMatch(/^unexpected failure: .*[^\n]*$/);
    expect(hint).toContain("--debug");
    expect(exitCode).toBe(1);
  }
});
