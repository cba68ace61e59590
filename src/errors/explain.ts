import { CliError } from "./error.ts";
import type { Advice } from "./advice.ts";
import type { ErrorCode } from "./codes.ts";

/**
 * What is looked at in a thrown value: AWS's error name and message, Node's error code and where it tried to
 * go.
 */
interface ErrorFacts {
  name: string;
  message: string;
  code: string;
  address: string;
  hostname: string;
  port: number | undefined;
  path: string;
  /** The status of AWS's answer, or of whoever answered in its place; 0 where nobody did. */
  status: number;
  /** The `Date` of AWS's answer, where there was one. */
  answeredAt: string;
  /** The profile that was asked for. */
  profile: string | undefined;
}

/** One well-known failure in words. */
interface Explanation {
  code: ErrorCode;
  when(thrown: ErrorFacts): boolean;
  message(thrown: ErrorFacts): string;
  hint(thrown: ErrorFacts): Advice;
}

const credentialsHint =
  "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass --profile NAME, or run: aws configure; without an account try: shelfshack-ws demo";
const isLoopback = ({ address, hostname }: ErrorFacts) =>
  /^(127\.|::1$|localhost$)/.test(address || hostname);
const addressText = ({ address, hostname, port }: ErrorFacts) =>
  `${hostname || address || "the server"}${port === undefined ? "" : ` port ${port}`}`;
const profileOf = ({ message, profile }: ErrorFacts) =>
  profile ?? /profile[:= ]+['"[]?([\w.@-]+)/i.exec(message)?.[1] ?? "default";
const isWithoutCredentials = ({ name }: ErrorFacts) => /^(Credentials|Token)ProviderError$/.test(name);
/** The SDK found something else than the answer's wire format (FAULTS.md D-06). */
const isNotAwsAnswer = ({ message }: ErrorFacts) => /Deserialization error|XML parse error/.test(message);
const denial = /is not authorized to perform: ([\w:*-]+)(?: on resource: (\S+))?/;

/** The statement that a denied call needs; a resource that AWS does not name is left as `*`. */
function statementFor({ message }: ErrorFacts): string | undefined {
  const [, action, resource = "*"] = denial.exec(message) ?? [];
  return (
    action && JSON.stringify({ Effect: "Allow", Action: action, Resource: resource.replace(/["',.]+$/, "") })
  );
}

/** How far this machine's clock is from AWS's, as far as the answer tells. */
function clockWords({ answeredAt }: ErrorFacts): string {
  const offMs = Date.now() - Date.parse(answeredAt);
  if (Number.isNaN(offMs) || Math.abs(offMs) < 60_000) return `the clock says ${new Date().toISOString()}`;
  return `the clock is ${Math.round(Math.abs(offMs) / 60_000)} minutes ${offMs > 0 ? "ahead" : "behind"}`;
}

/** AWS's and Node's well-known errors; the first row that fits speaks. To explain one more, add its row. */
const explanations: readonly Explanation[] = [
  {
    code: "credentials-expired",
    when: (thrown) =>
      /^(ExpiredToken|RequestExpired)/.test(thrown.name) ||
      (isWithoutCredentials(thrown) && /expired/i.test(thrown.message)),
    message: () => "the AWS credentials have expired",
    hint: (thrown) => `sign in again, for example: aws sso login --profile ${profileOf(thrown)}`,
  },
  {
    code: "sso-failed",
    when: (thrown) => isWithoutCredentials(thrown) && /sso/i.test(thrown.message),
    message: ({ message }) => `the SSO sign-in does not work: ${message}`,
    hint: (thrown) => `sign in again: aws sso login --profile ${profileOf(thrown)}`,
  },
  {
    code: "profile-missing",
    when: (thrown) =>
      isWithoutCredentials(thrown) &&
      (thrown.profile !== undefined || /could not resolve credentials using profile/i.test(thrown.message)),
    message: (thrown) =>
      `there is no AWS profile ${JSON.stringify(profileOf(thrown))}, or it holds no credentials`,
    hint: () => "aws configure list-profiles shows the profiles; choose one with --profile or AWS_PROFILE",
  },
  {
    code: "no-credentials",
    when: isWithoutCredentials,
    message: () => "no AWS credentials were found",
    hint: () => credentialsHint,
  },
  {
    code: "no-region",
    when: ({ message }) => /^region is missing/i.test(message),
    message: () => "no AWS region is set",
    hint: () => 'pass --region us-east-1, set AWS_REGION, or set "region" in shelfshack-ws.config.json',
  },
  {
    code: "clock-wrong",
    when: ({ name, message }) =>
      /^(RequestTimeTooSkewed|RequestInTheFuture)$/.test(name) ||
      /signature (not yet current|expired)/i.test(message),
    message: (thrown) =>
      `AWS refuses the request's time: this machine's clock is wrong, ${clockWords(thrown)}`,
    hint: () => "set the clock (timedatectl set-ntp true), then run the same command again",
  },
  {
    code: "access-key-unknown",
    when: ({ name }) =>
      /^(InvalidClientTokenId|UnrecognizedClient(Exception)?|InvalidAccessKeyId|AuthFailure)$/.test(name),
    message: () => "AWS does not know the access key",
    hint: () =>
      "look at AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and --profile; AWS_PROFILE wins over keys in variables",
  },
  {
    code: "signature-refused",
    when: ({ name }) =>
      /^(SignatureDoesNotMatch|InvalidSignature(Exception)?|IncompleteSignature(Exception)?)$/.test(name),
    message: () =>
      "AWS refuses the request's signature: the secret access key does not belong to the access key, or this machine's clock is wrong",
    hint: (thrown) => `look at AWS_SECRET_ACCESS_KEY and the time: ${clockWords(thrown)}`,
  },
  {
    code: "denied-explicitly",
    when: ({ message }) => denial.test(message) && /explicit deny/.test(message),
    message: ({ message }) => `AWS denied the call: ${message}`,
    hint: () =>
      "a policy forbids it explicitly, which no further permission outweighs; ask whoever manages the account",
  },
  {
    code: "denied",
    when: ({ name, message }) =>
      /^(AccessDenied|UnauthorizedOperation|Forbidden)/.test(name) || denial.test(message),
    message: ({ message }) => `AWS denied the call: ${message}`,
    hint: (thrown) => {
      const statement = statementFor(thrown);
      return statement
        ? `add this statement to the policy of whoever runs this: ${statement}`
        : "ask whoever manages the account for this permission";
    },
  },
  {
    code: "throttled",
    when: ({ name }) =>
      /^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|RequestThrottled|Rate exceeded)/.test(name),
    message: () => "AWS is limiting the rate of requests and did not let up",
    hint: () => "wait a minute, then run the same command again: it goes on where it stopped",
  },
  {
    code: "proxy-login-needed",
    when: ({ status }) => status === 407,
    message: () => "a proxy on the way to AWS wants to know who asks (407)",
    hint: () =>
      "look at HTTPS_PROXY and its user and password, or go without the proxy: NO_PROXY=.amazonaws.com",
  },
  {
    code: "not-an-aws-answer",
    when: isNotAwsAnswer,
    message: ({ status }) =>
      `what answered in the place of AWS cannot be understood${status > 0 ? ` (status ${status})` : ""}`,
    hint: () =>
      "a proxy, VPN or sign-in page may be in the way; look at --endpoint-url and the network, then run the same command again",
  },
  {
    code: "aws-unavailable",
    when: ({ status }) => status >= 500,
    message: ({ name, status }) =>
      `AWS did not do its part: ${name} (status ${status}), also after several tries`,
    hint: () =>
      "look at https://health.aws.amazon.com, then run the same command again: it goes on where it stopped",
  },
  {
    code: "local-aws-not-running",
    when: (thrown) => thrown.code === "ECONNREFUSED" && isLoopback(thrown),
    message: (thrown) => `the local AWS does not run at ${addressText(thrown)}`,
    hint: () => "start it in another terminal with: shelfshack-ws local",
  },
  {
    code: "connection-refused",
    when: ({ code }) => code === "ECONNREFUSED",
    message: (thrown) => `${addressText(thrown)} refused the connection (ECONNREFUSED)`,
    hint: () => "look at --endpoint-url and AWS_ENDPOINT_URL, and whether a firewall or proxy is in the way",
  },
  {
    code: "host-not-found",
    when: ({ code }) => code === "ENOTFOUND" || code === "EAI_AGAIN",
    message: (thrown) => `${addressText(thrown)} could not be looked up (${thrown.code})`,
    hint: () => "look at the network connection, the region's spelling and --endpoint-url",
  },
  {
    code: "timed-out",
    when: ({ code, name }) =>
      /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|EPIPE|UND_ERR_CONNECT_TIMEOUT)$/.test(code) ||
      name === "TimeoutError",
    message: (thrown) => `${addressText(thrown)} did not answer (${thrown.code || thrown.message})`,
    hint: () => "look at the network connection, VPN and proxy, then run the same command again",
  },
  {
    code: "tls-failed",
    when: ({ code }) =>
      /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO$)/.test(code),
    message: (thrown) =>
      `the TLS connection to ${addressText(thrown)} failed: ${thrown.message} (${thrown.code})`,
    hint: () =>
      "behind an inspecting proxy set NODE_EXTRA_CA_CERTS to its certificate; a server without TLS needs http://",
  },
  {
    code: "port-in-use",
    when: ({ code }) => code === "EADDRINUSE",
    message: ({ port }) => `port ${port} is in use`,
    hint: () => "another local AWS may be running; stop it, or pass --port 0 for a free one",
  },
  {
    code: "file-unusable",
    when: ({ code, path }) =>
      /^(ENOENT|EEXIST|EACCES|EPERM|EROFS|EISDIR|ENOTDIR|ENOSPC|EMFILE)$/.test(code) && path !== "",
    message: ({ code, path }) => `${JSON.stringify(path)} cannot be used: ${fileFaults[code]} (${code})`,
    hint: () => "look at the path and its permissions, or name another file",
  },
];

const fileFaults: Record<string, string> = {
  ENOENT: "there is no such file or folder",
  EEXIST: "something else is there",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ENOSPC: "the disk is full",
  EMFILE: "too many files are open",
};

/**
 * Any thrown value in words for people: a CliError as it is, a well-known error of AWS or Node (also as a
 * cause, or among several attempts) by the table, everything else as a bug of this program (exit 1). The
 * thrown value is kept as `cause`. `profile` is the AWS profile that was asked for, if any: the SDK does not
 * say that it misses it.
 */
export function explain(error: unknown, { profile }: { profile?: string | undefined } = {}): CliError {
  for (const candidate of withCauses(error)) {
    if (candidate instanceof CliError) return candidate;
    const thrown = thrownOf(candidate, profile);
    const row = explanations.find(({ when }) => when(thrown));
    if (row)
      return new CliError(row.code, row.message(thrown), {
        hint: row.hint(thrown),
        cause: error,
      });
  }
  const { name, message } = thrownOf(error, profile);
  if (isRefusalOfAws(error)) {
    const why = redactMeasured(message).split("\n")[0];
    return new CliError("aws-refused", `AWS refused the call: ${name}: ${why}`, {
      hint: "change what it names, then run the same command again",
      cause: error,
    });
  }
  return new CliError("bug", `unexpected failure: ${name}: ${message.split("\n")[0]}`, {
    hint: "this is a bug, or an error that is not explained yet; run with --debug for the stack",
    cause: error,
  });
}

/** Whether AWS itself said no, for a reason that has no row of its own. */
function isRefusalOfAws(error: unknown): boolean {
  const status =
    (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode ?? 0;
  return status >= 400 && status < 500;
}

/**
 * AWS quotes what it was sent, a whole environment with its secrets among it (AWS.md 4.4, the 4 KB limit).
 */
const redactMeasured = (message: string): string => message.replace(/String measured: .*/s, "").trim();

/**
 * Everything that an error consists of, most telling first: the first of several attempts, itself, its cause.
 */
function withCauses(error: unknown, depth = 0): unknown[] {
  if (!(error instanceof Error) || depth > 5) return [error];
  const attempts = error instanceof AggregateError ? error.errors.slice(0, 1) : [];
  const causes = error.cause === undefined ? [] : [error.cause];
  return [
    ...attempts.flatMap((attempt) => withCauses(attempt, depth + 1)),
    error,
    ...causes.flatMap((cause) => withCauses(cause, depth + 1)),
  ];
}

function thrownOf(error: unknown, profile: string | undefined): ErrorFacts {
  const { name, message, code, address, hostname, host, port, path, $response, $metadata } = (
    error instanceof Error ? error : { message: String(error) }
  ) as Error & Record<string, unknown>;
  const { headers, statusCode } = ($response ?? {}) as {
    headers?: Record<string, unknown>;
    statusCode?: number;
  };
  return {
    name: textOr(name, "Error"),
    message: textOr(message, ""),
    code: textOr(code, ""),
    address: textOr(address, ""),
    hostname: textOr(hostname, textOr(host, "")),
    port: typeof port === "number" ? port : undefined,
    path: textOr(path, ""),
    status: ($metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode ?? statusCode ?? 0,
    answeredAt: textOr(headers?.["date"], ""),
    profile,
  };
}

const textOr = (value: unknown, otherwise: string): string =>
  typeof value === "string" && value !== "" ? value : otherwise;
