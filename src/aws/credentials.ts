import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";
import { shellWord } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import { environment } from "../settings/environment.ts";
import { profileFailure } from "./profile-failures.ts";
import { isSignable, quoted, readProfileFiles, wayToCredentials, type Profile } from "./profile.ts";

/** What the credentials of a run are found with. */
export interface Finding {
  /** For the clients that fetch credentials: of those some take none from ours. */
  clientConfig: object;
  /** Asks a person for the code of an MFA device; undefined where there is none to ask. */
  askCode: ((serial: string) => Promise<string>) | undefined;
}

/** How long before their end the SDK renews credentials. */
const RENEWED_BEFORE_MS = 300_000;
const endOf = ({ expiration }: AwsCredentialIdentity): number => expiration?.getTime() ?? Infinity;

/**
 * Finds credentials as the AWS CLI does: the profile that is named, else the keys in variables, else the
 * profile `default`, else what the machine gives. A profile that fails says how: what it lacks, or what its
 * way to credentials said (CliError).
 */
export const credentialsFinder =
  (finding: Finding) =>
  (given: object): AwsCredentialIdentityProvider => {
    let refusal: CliError | undefined;
    const findOnce = async () => {
      if (refusal) throw refusal;
      return await find(finding, given).catch((error: unknown) => {
        // Final: no other call asks a person once more.
        if (error instanceof CliError) refusal = error;
        throw error;
      });
    };
    const memoized = import("@smithy/core/config").then(({ memoize }) =>
      memoize(
        findOnce,
        (found) => endOf(found) - Date.now() < RENEWED_BEFORE_MS,
        (found) => found.expiration !== undefined,
      ),
    );
    return async (options) => await (await memoized)(options);
  };

async function find(finding: Finding, given: object): Promise<AwsCredentialIdentity> {
  const named = environment["AWS_PROFILE"] || undefined;
  const keysGiven = Boolean(environment["AWS_ACCESS_KEY_ID"] && environment["AWS_SECRET_ACCESS_KEY"]);
  const path = named === undefined && keysGiven ? [] : await pathFrom(named);
  const init = { ...given, clientConfig: finding.clientConfig };
  if (path.length > 0) return await alongPath(path, init, finding);
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  return await defaultProvider(init)().catch((error: Error) => {
    throw named !== undefined && error.name === "CredentialsProviderError"
      ? new CliError("profile-incomplete", `AWS profile ${quoted(named)} holds no credentials`, {
          hint: `add them, or a way to get them: aws configure --profile ${shellWord(named)}`,
          cause: error,
        })
      : error;
  });
}

/** The way to credentials of the profile; of `default` only where it is there. */
async function pathFrom(named: string | undefined): Promise<readonly Profile[]> {
  const files = await readProfileFiles();
  return named === undefined && !files.profiles["default"] ? [] : wayToCredentials(named ?? "default", files);
}

/** Throws a CliError where a named profile can never give credentials. */
export async function refuseUselessProfile(): Promise<void> {
  const named = environment["AWS_PROFILE"];
  if (named) await pathFrom(named);
}

async function alongPath(
  path: readonly Profile[],
  init: object,
  { askCode }: Finding,
): Promise<AwsCredentialIdentity> {
  const [{ name } = { name: "default" }] = path;
  const { fromIni } = await import("@aws-sdk/credential-provider-ini");
  try {
    const found = await fromIni({ ...init, profile: name, mfaCodeProvider: codeFor(name, askCode) })();
    return refuseUnusable(found, path);
  } catch (error) {
    const failure = profileFailure(error, path);
    // A call that is made again would ask for another code.
    throw path.some(({ section }) => section["mfa_serial"]) ? explain(failure) : failure;
  }
}

const codeFor = (name: string, askCode: Finding["askCode"]) => async (serial: string) => {
  if (!askCode)
    throw new CliError("mfa-needed", `AWS profile ${quoted(name)} needs the code of an MFA device`, {
      hint:
        "run it on a terminal, which asks for the code, or set AWS_ACCESS_KEY_ID and the others to a " +
        `session's: aws configure export-credentials --profile ${shellWord(name)} --format env`,
    });
  const code = (await askCode(serial)).trim();
  if (!/^\d{6}$/.test(code))
    throw new CliError("mfa-refused", "the code of an MFA device has six digits", {
      hint: "run the same command again, and type the code that the device shows",
    });
  return code;
};

/** Refuses what no request can be signed with, which a credential_process may give. */
function refuseUnusable(found: AwsCredentialIdentity, path: readonly Profile[]): AwsCredentialIdentity {
  const { accessKeyId, secretAccessKey, sessionToken = "none", expiration } = found;
  const parts: readonly unknown[] = [accessKeyId, secretAccessKey, sessionToken];
  const isUsable = parts.every(isSignable) && !Number.isNaN(expiration?.getTime());
  if (!isUsable) throw profileFailure(new Error("it gave credentials that are none"), path);
  return found;
}
