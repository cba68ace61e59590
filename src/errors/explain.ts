import { AGAIN, backendKeys, command, joined, shellWord, type Advice } from "./advice.ts";
import { CliError } from "./error.ts";
import { explainNetwork, isLoopback } from "./network.ts";
import type { ErrorCode } from "./codes.ts";

/** What the explanations read of a thrown value: AWS's error name and message, Node's code and address. */
export interface ErrorFacts {
  name: string;
  message: string;
  code: string;
  address: string;
  hostname: string;
  port: number | undefined;
  path: string;
  /** The system call that failed. */
  syscall: string;
  /** The proxy that made no tunnel, host and port; empty where none failed. */
  proxy: string;
  /** What that answered; 0 where it did not. */
  proxyStatus: number;
  /** The status of AWS's answer, or of whatever answered in its place; 0 where nothing did. */
  status: number;
  /** The `Date` of AWS's answer, where there was one. */
  answeredAt: string;
  /** The profile that was asked for. */
  profile: string | undefined;
  /** What sends the calls to the address, such as the variable AWS_ENDPOINT_URL. */
  addressFrom: string | undefined;
}

/** What a run was aimed with, which no error says. */
export interface Aim extends Partial<Pick<ErrorFacts, "profile" | "addressFrom">> {
  /** The variable that moves a place that was not named for this run; undefined for another place. */
  movedBy?(path: string): string | undefined;
  /** What names a place for this run: an option, a variable or a config file; undefined for another one. */
  namedBy?(path: string): string | undefined;
}

/** One well-known failure in words. */
interface Explanation {
  code: ErrorCode;
  when(thrown: ErrorFacts): boolean;
  message(thrown: ErrorFacts): string;
  hint(thrown: ErrorFacts): Advice;
}

/** What gives new credentials depends on how the old ones were got. */
const signIn = ({ profile }: ErrorFacts): string =>
  `sign in again (aws sso login${profile === undefined ? "" : ` --profile ${shellWord(profile)}`}), ` +
  "or set the new keys of a session";
const isWithoutCredentials = ({ name }: ErrorFacts) => /^(Credentials|Token)ProviderError$/.test(name);
/** Something else than AWS answered: an answer that the clients or the SDK do not accept (FAULTS.md D-06). */
const isNotAwsAnswer = ({ name, message }: ErrorFacts) =>
  name === "NotAwsAnswer" || /Deserialization error|XML parse error/.test(message);
const denial = /is not authorized to perform: ([\w:*-]+)(?: on resource: (\S+))?/;

/** What the local AWS adds to AWS's own words where a call is not of its user. */
const localRefusal = /The local AWS: ([^;]+);/;

/** Which policy did not allow a call, or denied it, in AWS's words (AWS.md 6.7). */
const denyingPolicy =
  /because no ([\w-]+(?: [\w-]+){0,3}?) allows|with an explicit deny in an? ([\w-]+(?: [\w-]+){0,3})/;
const denyingPolicyIn = ({ message }: ErrorFacts): string | undefined => {
  const [, missing, denying] = denyingPolicy.exec(message) ?? [];
  return missing ?? denying;
};

/** What lets a denied call through: a statement helps in the caller's own policy alone. */
function hintForDenied(thrown: ErrorFacts): string {
  const [, action, resource] = denial.exec(thrown.message) ?? [];
  if (action === undefined) return "ask your AWS administrator for this permission";
  const policy = denyingPolicyIn(thrown) ?? "identity-based policy";
  if (policy === "resource-based policy")
    return `the policy of ${resource ?? "the resource"} has to allow it`;
  if (policy !== "identity-based policy")
    return (
      `the ${policy} has to allow ${action}, whatever the caller's own policy says; ` +
      "ask your AWS administrator"
    );
  // AWS masks the account and the id of a connection (AWS.md 2.3), which would make a statement of nothing.
  const Resource = (resource ?? "*").replace(/["',.]+$/, "").replaceAll(/\*{8}\d{4}|\{\w+\}/g, "*");
  const statement = JSON.stringify({ Effect: "Allow", Action: action, Resource });
  const unnamed = resource === undefined ? " (AWS named no resource)" : "";
  return `add this statement to the caller's policy${unnamed}: ${statement}`;
}

/** How far this machine's clock is from AWS's, as far as the answer tells. */
function clockWords({ answeredAt }: ErrorFacts): string {
  const offMs = Date.now() - Date.parse(answeredAt);
  if (Number.isNaN(offMs) || Math.abs(offMs) < 60_000) return `the clock says ${new Date().toISOString()}`;
  return `the clock is ${Math.round(Math.abs(offMs) / 60_000)} minutes ${offMs > 0 ? "ahead" : "behind"}`;
}

/** AWS's and Node's well-known errors; the first row that fits speaks. To explain one more, add its row. */
export const explanations: readonly Explanation[] = [
  {
    code: "credentials-expired",
    when: (thrown) =>
      /^(ExpiredToken|RequestExpired)/.test(thrown.name) ||
      (isWithoutCredentials(thrown) && /expired/i.test(thrown.message)),
    message: () => "the AWS credentials have expired",
    hint: signIn,
  },
  {
    code: "no-credentials",
    when: isWithoutCredentials,
    message: () => "no AWS credentials were found",
    hint: () => [
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass --profile NAME, or run: aws configure; " +
        "without an account try: ",
      command("demo"),
    ],
  },
  {
    code: "no-region",
    when: ({ message }) => /^region is missing/i.test(message),
    message: () => "no AWS region is set",
    hint: () =>
      'pass --region us-east-1, set AWS_REGION, or set "region" in shelfshack-ws.config.json; ' +
      "for the local AWS add --local",
  },
  {
    code: "clock-wrong",
    when: ({ name, message }) =>
      /^(RequestTimeTooSkewed|RequestInTheFuture)$/.test(name) ||
      /signature (not yet current|expired)/i.test(message),
    message: (thrown) =>
      `AWS rejected the request time: this machine's clock is wrong, ${clockWords(thrown)}`,
    hint: () => "set the clock (timedatectl set-ntp true), then run the same command again",
  },
  {
    code: "local-aws-of-another",
    when: ({ message }) => localRefusal.test(message),
    message: ({ message }) => `the local AWS refused the call: ${localRefusal.exec(message)?.[1]}`,
    hint: () => [
      "its user can write an access key for you to a file, to be used with --endpoint-url " +
        "instead of --local: ",
      backendKeys({ local: true }),
    ],
  },
  {
    code: "access-key-unknown",
    when: ({ name }) =>
      /^(InvalidClientTokenId|UnrecognizedClient(Exception)?|InvalidAccessKeyId|AuthFailure)$/.test(name),
    message: () => "unknown AWS access key",
    hint: () =>
      "check AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and --profile; AWS_PROFILE overrides keys in variables",
  },
  {
    code: "signature-refused",
    when: ({ name }) =>
      /^(SignatureDoesNotMatch|InvalidSignature(Exception)?|IncompleteSignature(Exception)?)$/.test(name),
    message: () =>
      "AWS rejected the signature: the secret access key does not belong to the access key, " +
      "or this machine's clock is wrong",
    hint: (thrown) => `check AWS_SECRET_ACCESS_KEY and the time: ${clockWords(thrown)}`,
  },
  {
    code: "local-aws-refused",
    when: ({ name }) => name.startsWith("NotAllowedByLocalAws"),
    message: ({ message }) => message,
    hint: () => "or run the command on the machine of the local AWS, with --local",
  },
  {
    code: "denied-explicitly",
    when: ({ message }) => denial.test(message) && /explicit deny/.test(message),
    message: ({ message }) => `AWS denied the call: ${message}`,
    hint: (thrown) => {
      const policy = denyingPolicyIn(thrown);
      return `${policy ? `the ${policy}` : "a policy"} holds an explicit deny; ask your AWS administrator`;
    },
  },
  {
    code: "denied",
    when: ({ name, message }) =>
      /^(AccessDenied|UnauthorizedOperation|Forbidden)/.test(name) || denial.test(message),
    message: ({ message }) => `AWS denied the call: ${message}`,
    hint: hintForDenied,
  },
  {
    code: "throttled",
    when: ({ name }) =>
      /^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|RequestThrottled|Rate exceeded)/.test(name),
    message: () => "AWS is throttling requests",
    hint: () => `wait a minute, then ${AGAIN}`,
  },
  {
    code: "proxy-login-needed",
    when: ({ status, proxyStatus }) => status === 407 || proxyStatus === 407,
    message: ({ proxy }) => `the ${proxy ? `proxy ${proxy}` : "HTTP proxy"} requires authentication (407)`,
    hint: () => "check the user and password in HTTPS_PROXY, or bypass the proxy: NO_PROXY=.amazonaws.com",
  },
  {
    code: "proxy-refused",
    when: ({ proxyStatus }) => proxyStatus > 0,
    message: ({ proxy, proxyStatus, ...thrown }) =>
      `the proxy ${proxy} made no tunnel to ${addressText(thrown)} (HTTP ${proxyStatus})`,
    hint: ({ hostname }) =>
      `ask who runs the proxy to allow that host, or bypass it with NO_PROXY=${hostname}`,
  },
  {
    code: "not-an-aws-answer",
    when: isNotAwsAnswer,
    message: ({ name, message, status }) => {
      const why = name === "NotAwsAnswer" ? message : "no valid JSON or XML";
      return `the response did not come from AWS (${why}${status > 0 ? `, status ${status}` : ""})`;
    },
    hint: (thrown) =>
      isLoopback(thrown.hostname)
        ? `another service listens at ${addressText(thrown)}; ` +
          "set SHELFSHACK_PORT to the port of the local AWS, or correct --endpoint-url"
        : "a proxy, VPN or sign-in page may have answered; " +
          "check --endpoint-url and the network, then run the same command again",
  },
  {
    code: "aws-unavailable",
    when: ({ status }) => status >= 500,
    message: ({ name, status }) => `AWS returned ${status} (${name}) after several retries`,
    hint: () => `check https://health.aws.amazon.com, then ${AGAIN}`,
  },
  {
    code: "port-in-use",
    when: ({ code }) => code === "EADDRINUSE",
    message: ({ port }) => `port ${port} is in use`,
    hint: () => "another local AWS may be running; stop it, or pass --port 0 for a free one",
  },
  {
    code: "address-unusable",
    when: ({ code, syscall }) => code === "EADDRNOTAVAIL" && syscall === "listen",
    message: ({ address }) => `cannot listen at ${address}: this machine has no such address`,
    hint: () => "choose one of its own, or 0.0.0.0 for all of them",
  },
  {
    code: "port-unusable",
    when: ({ syscall }) => syscall === "listen",
    message: ({ port, code }) => `cannot listen on port ${port} (${code})`,
    hint: () => "choose another port, or pass --port 0 for a free one",
  },
  {
    code: "file-unusable",
    when: ({ code, path }) => Object.hasOwn(fileFaults, code) && path !== "",
    message: ({ code, path }) => `${JSON.stringify(path)} cannot be used: ${fileFaults[code]} (${code})`,
    hint: () => "check the path and its permissions, or name another file",
  },
  {
    code: "machine-exhausted",
    when: ({ code }) => Object.hasOwn(exhausted, code),
    message: ({ code, path }) =>
      `${path === "" ? "" : `${JSON.stringify(path)}: `}${exhausted[code]?.fault} (${code})`,
    hint: ({ code }) => `${exhausted[code]?.remedy}, then ${AGAIN}`,
  },
  {
    code: "changed-meanwhile",
    when: ({ name, status }) => status >= 400 && /^(\w*NotFound|NoSuchEntity|\w*Conflict)/.test(name),
    message: ({ name, message }) => `AWS refused the call: ${name}: ${message.split("\n")[0]}`,
    hint: () => `another run may have deleted or changed it at the same moment; ${AGAIN}`,
  },
  {
    code: "aws-refused",
    when: ({ status }) => status >= 400,
    message: ({ name, message }) =>
      `AWS refused the call: ${name}: ${redactMeasured(message).split("\n")[0]}`,
    hint: () => "correct the value it names, then run the same command again",
  },
];

const fileFaults: Record<string, string> = {
  ENOENT: "there is no such file or folder",
  EEXIST: "it already exists",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "a name in it is too long",
};

const exhausted: Record<string, { fault: string; remedy: string }> = {
  ENOSPC: { fault: "the disk is full", remedy: "free some space" },
  EMFILE: { fault: "too many files are open", remedy: "raise the limit (ulimit -n)" },
};

/**
 * Any thrown value in words for people: a CliError as it is, a well-known error of AWS or Node (also as a
 * cause, or among several attempts) by the tables, everything else as a bug of this program (exit 1). The
 * thrown value is kept as `cause`. `profile` is the AWS profile that was asked for, if any.
 */
export function explain(error: unknown, aim: Aim = {}): CliError {
  for (const candidate of withCauses(error)) {
    if (candidate instanceof CliError) return placed(candidate, aim);
    const facts = factsOf(candidate, aim);
    const explained = explainFacts(facts);
    if (!explained) continue;
    const { code, message, hint } = explained;
    return placed(new CliError(code, message, { hint, path: facts.path || undefined, cause: error }), aim);
  }
  const { name, message } = factsOf(error, aim);
  return new CliError("bug", `unexpected failure: ${name}: ${message.split("\n")[0]}`, {
    hint: "this is a bug, or an error that is not explained yet; run with --debug for the stack",
    cause: error,
  });
}

/**
 * The same with where the place comes from: what is wrong with one that was not named is no fault of the
 * command line.
 */
function placed(error: CliError, { movedBy, namedBy }: Aim): CliError {
  const { code, path, message, hint, cause } = error;
  if (code !== "file-unusable" || path === undefined) return error;
  const variable = movedBy?.(path);
  if (variable !== undefined)
    return new CliError("own-place-unusable", message, {
      hint: `that is where this program keeps such files: repair it, or set ${variable} to another folder`,
      path,
      cause,
    });
  const name = namedBy?.(path);
  if (name === undefined) return error;
  return new CliError(code, message, { hint: joined([`${name} names it`, hint], ": "), path, cause });
}

function explainFacts(thrown: ErrorFacts): { code: ErrorCode; message: string; hint: Advice } | undefined {
  const row = explanations.find(({ when }) => when(thrown));
  if (row) return { code: row.code, message: row.message(thrown), hint: row.hint(thrown) };
  const { name, code, message: detail, addressFrom, proxy } = thrown;
  // An empty code is a time limit of our own, which the SDK and `AbortSignal.timeout` report by this name.
  if (code === "" && name !== "TimeoutError") return undefined;
  const network = explainNetwork({
    code,
    detail,
    ...(proxy === ""
      ? { peer: "aws", address: addressText(thrown), from: addressFrom }
      : { peer: "proxy", address: proxy, from: "HTTPS_PROXY", phase: "connect" }),
  });
  return network && { code: network.code, message: network.meaning, hint: network.hint };
}

/** Host and port as in a URL. */
function addressText({ address, hostname, port }: Pick<ErrorFacts, "address" | "hostname" | "port">): string {
  const host = hostname || address || "the server";
  return `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`;
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

export function factsOf(error: unknown, { profile, addressFrom }: Aim = {}): ErrorFacts {
  const { name, message, code, address, hostname, host, port, path, syscall, ...others } = (
    error instanceof Error ? error : { message: String(error) }
  ) as Error & Record<string, unknown>;
  const { proxy, proxyStatus, $response, $metadata } = others;
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
    syscall: textOr(syscall, ""),
    proxy: textOr(proxy, ""),
    proxyStatus: typeof proxyStatus === "number" ? proxyStatus : 0,
    status: ($metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode ?? statusCode ?? 0,
    answeredAt: textOr(headers?.["date"], ""),
    profile,
    addressFrom,
  };
}

const textOr = (value: unknown, otherwise: string): string =>
  typeof value === "string" && value !== "" ? value : otherwise;
