import { AwsError } from "../../aws-error.ts";

/** Throws where AWS would not take the code of an MFA device; both may be absent. */
export type RefuseMfa = (given: {
  SerialNumber?: string | undefined;
  TokenCode?: string | undefined;
}) => void;

const refused = (why: string): AwsError =>
  new AwsError("AccessDenied", `MultiFactorAuthentication failed${why}`, { status: 403 });

/**
 * The MFA devices of the account, of which each name is one: it takes any six digits, and the same not twice
 * in a row (AWS.md 6.8).
 */
export function mfaDevices(account: string): RefuseMfa {
  const lastCodes = new Map<string, string>();
  return ({ SerialNumber, TokenCode }) => {
    if (SerialNumber === undefined && TokenCode === undefined) return;
    if (SerialNumber === undefined || TokenCode === undefined)
      throw refused(", must provide both MFA serial number and one time pass code.");
    if (!SerialNumber.startsWith(`arn:aws:iam::${account}:mfa/`))
      throw refused(
        ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with " +
          "this user.",
      );
    if (lastCodes.get(SerialNumber) === TokenCode) throw refused(" with invalid MFA one time pass code.");
    lastCodes.set(SerialNumber, TokenCode);
  };
}
