import { jsonIn } from "../../../contract/json.ts";
import { randomBytes } from "node:crypto";

/** A session of a role: a caller that may do what the role's policies allow, and nothing else. */
export interface Session {
  roleArn: string;
  /** The function's name where Lambda assumed the role. */
  name: string;
}

/** The session of a function's environment, named after the function if that is long enough (AWS.md 4.10). */
export const functionSession = ({ role, name }: { role: string; name: string }): Session => ({
  roleArn: role,
  name: name.length > 1 ? name : `${name}@lambda_function`,
});

/**
 * A session token of a role's session, another one at each call. It names its role, so that no list of
 * sessions is kept. A made-up one gains nothing: every other key is the account's user, who may do
 * everything, and where signatures are checked no secret goes with it.
 */
export const sessionToken = ({ roleArn, name }: Session): string =>
  Buffer.from(JSON.stringify([prefix, roleArn, name, randomBytes(12).toString("hex")])).toString("base64");
const prefix = "session of the local AWS";

/** A session token of the account's user. */
export const userToken = (): string => randomBytes(100).toString("base64");

/** Whose session a token is; undefined for none, and for one that was not given out here. */
export function sessionIn(token: string | string[] | undefined): Session | undefined {
  const parts = jsonIn(Buffer.from(String(token ?? ""), "base64").toString());
  if (!Array.isArray(parts) || parts[0] !== prefix) return undefined;
  return { roleArn: String(parts[1]), name: String(parts[2]) };
}

/** How STS and refusals name a session. */
export const sessionArn = (account: string, { roleArn, name }: Session): string =>
  `arn:aws:sts::${account}:assumed-role/${roleArn.split("/").at(-1)}/${name}`;
