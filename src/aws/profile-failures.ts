import { shellWord } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { factsOf, type ErrorFacts } from "../errors/explain.ts";
import { isSignable, quoted, type Profile } from "./profile.ts";

/** A profile whose way to credentials failed: the one that was asked for, and the last on its way. */
interface Failed {
  error: ErrorFacts;
  asked: Profile;
  last: Profile;
}

/** One way to fail, in words. */
interface Row {
  code: ErrorCode;
  when(failed: Failed): boolean;
  message(failed: Failed): string;
  hint(failed: Failed): string;
  /** The cause holds the helper's command, in which secrets may stand: not even `--debug` shows it. */
  hidesCause?: true;
}

const isOfSts = ({ error: { name, status } }: Failed): boolean =>
  status >= 400 && /^(AccessDenied|ValidationError|InvalidIdentityToken|IDP|MalformedPolicy)/.test(name);
const isExpired = ({ error: { message } }: Failed): boolean => /expired/i.test(message);
const firstLine = (text: string): string => text.split("\n")[0] ?? "";

const keyMembers = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];

/** The member with which no request can be signed; its value may be a secret, and is not told. */
const unusableKey = ({ section }: Profile): string | undefined =>
  keyMembers.find((member) => !isSignable(section[member] ?? "none"));

/** How a profile's way to credentials fails; the first row that fits speaks. */
const rows: readonly Row[] = [
  {
    code: "mfa-refused",
    when: ({ error }) => /MultiFactorAuthentication failed/.test(error.message),
    message: ({ asked, error }) =>
      `AWS refused the MFA code of profile ${quoted(asked.name)}: ${error.message}`,
    hint: () =>
      "wait for the next code, since each is taken once, and run the same command again; " +
      "if none is taken, check mfa_serial in the profile and the clock of the device",
  },
  {
    code: "profile-incomplete",
    when: ({ last }) => last.way === "keys" && unusableKey(last) !== undefined,
    message: ({ last }) =>
      `AWS profile ${quoted(last.name)}: its ${unusableKey(last)} holds what no key has, or nothing`,
    hint: () => "copy it once more, as one word, into ~/.aws/credentials or ~/.aws/config",
  },
  {
    code: "credential-process-failed",
    when: ({ last }) => last.way === "process",
    message: ({ last, error }) =>
      `credential_process of AWS profile ${quoted(last.name)} failed: ${wordsOfProcess(last, error)}`,
    hint: () => "run its command by itself, and sign in where it asks for that",
    hidesCause: true,
  },
  {
    code: "credentials-expired",
    when: (failed) => failed.last.way === "sso" && isExpired(failed),
    message: ({ last }) => `the SSO session of AWS profile ${quoted(last.name)} has expired`,
    hint: ({ last }) => `sign in again: aws sso login --profile ${shellWord(last.name)}`,
  },
  {
    code: "sso-failed",
    when: ({ last }) => last.way === "sso",
    message: ({ last, error }) =>
      `no SSO session for AWS profile ${quoted(last.name)}: ${firstLine(error.message)}`,
    hint: ({ last }) => `sign in: aws sso login --profile ${shellWord(last.name)}`,
  },
  {
    code: "login-failed",
    when: ({ last, error }) => last.way === "login" && error.name === "CredentialsProviderError",
    message: ({ last }) => `the sign-in of AWS profile ${quoted(last.name)} is missing or has expired`,
    hint: ({ last }) => `sign in: aws login --profile ${shellWord(last.name)}`,
  },
  {
    code: "web-identity-failed",
    when: ({ last, error }) => last.way === "web-identity" && error.code !== "" && error.path !== "",
    message: ({ last, error }) =>
      `AWS profile ${quoted(last.name)}: its web_identity_token_file ${quoted(error.path)} ` +
      `cannot be read (${error.code})`,
    hint: () => "check the path, and that what writes the token there runs",
  },
  {
    code: "web-identity-failed",
    when: (failed) => failed.last.way === "web-identity" && (isOfSts(failed) || isExpired(failed)),
    message: ({ last, error }) =>
      `AWS refused the token of profile ${quoted(last.name)}: ${error.name}: ${error.message}`,
    hint: () => "get a new token, and check that the role's trust policy allows its issuer",
  },
  {
    code: "profile-source-missing",
    when: ({ last, error }) =>
      last.section["credential_source"] !== undefined && /^(Credentials)?ProviderError$/.test(error.name),
    message: ({ last }) =>
      `AWS profile ${quoted(last.name)} takes credentials from ${last.section["credential_source"]} ` +
      "(credential_source), which has none here",
    hint: () => "run it where they are, or give the profile a source_profile",
  },
  {
    code: "role-not-assumed",
    when: isOfSts,
    message: ({ asked, error }) => `AWS profile ${quoted(asked.name)} got no role: ${error.message}`,
    hint: () =>
      "the role's trust policy has to name the caller, and the caller's policy has to allow sts:AssumeRole",
  },
];

/**
 * What was thrown on a profile's way to credentials, in words; what says more about AWS, the network or the
 * clock than about the profile is given back as it is.
 */
export function profileFailure(thrown: unknown, path: readonly Profile[]): unknown {
  const [asked] = path;
  const last = path.at(-1);
  if (thrown instanceof CliError || !asked || !last) return thrown;
  const failed = { error: factsOf(thrown), asked, last };
  const row = rows.find(({ when }) => when(failed));
  if (!row) return thrown;
  const cause = row.hidesCause ? undefined : thrown;
  return new CliError(row.code, row.message(failed), { hint: row.hint(failed), cause });
}

/** How much of a helper's own words is repeated. */
const MOST_WORDS = 500;

/** What the helper said: never its command, which may hold secrets, nor what looks like one. */
function wordsOfProcess({ name, section }: Profile, { message }: ErrorFacts): string {
  const words = message
    .replace(`Command failed: ${section["credential_process"]}`, "")
    .replace(`Profile ${name} credential_process`, "it")
    .replace(/^Cannot read propert.*/, "it returned invalid JSON.")
    .replaceAll(/\b(AKIA|ASIA)[A-Z0-9]{12,}|[A-Za-z0-9/+=]{40,}/g, "***")
    .trim()
    .replace(/\.$/, "");
  if (words === "") return "it ended with an error and without a word";
  return words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}…` : words;
}
