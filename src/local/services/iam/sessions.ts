import { randomBytes } from "node:crypto";
import type { World } from "../../state.ts";
import type { RoleState } from "./iam.ts";
import { permission } from "./permission.ts";

/** A session of a role: somebody who may do what the role's policies allow, and nothing else. */
export interface Session {
  roleArn: string;
  /** The function's name where Lambda assumed the role. */
  name: string;
}

/** Temporary credentials in the words of STS. */
export interface SessionCredentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
}

/**
 * The session token of a role's session. It says by itself whose it is, so that nobody has to remember it;
 * nothing is won by making one up, because every other key is the account's user, who may do everything.
 */
export const sessionToken = ({ roleArn, name }: Session): string =>
  Buffer.from(JSON.stringify([prefix, roleArn, name])).toString("base64");
const prefix = "session of the local AWS";

/** New credentials for a role's session. */
export const credentialsFor = (session: Session): SessionCredentials => ({
  AccessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
  SecretAccessKey: randomBytes(30).toString("base64"),
  SessionToken: sessionToken(session),
});

/** Whose session a token is; undefined for none, and for one that was not given out here. */
export function sessionIn(token: string | string[] | undefined): Session | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(String(token ?? ""), "base64").toString());
    if (!Array.isArray(parts) || parts[0] !== prefix) return undefined;
    return { roleArn: String(parts[1]), name: String(parts[2]) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The role of a session, as long as it exists. */
const roleOf = ({ state }: World, { roleArn }: Session): RoleState | undefined =>
  [...state.roles.values()].find(({ arn }) => arn === roleArn);

/** How STS and refusals name a session. */
export const sessionArn = ({ account }: World, { roleArn, name }: Session): string =>
  `arn:aws:sts::${account}:assumed-role/${roleArn.split("/").at(-1)}/${name}`;

/**
 * AWS's words for why a session may not do something; undefined where it may, and for the account's user
 * (AWS.md 6.3, 8.2).
 */
export function denial(
  world: World,
  session: Session | undefined,
  { action, resource }: { action: string; resource: string },
): string | undefined {
  if (!session) return undefined;
  const role = roleOf(world, session);
  const decision = role ? permission(world, role, { action, resource }) : "implicitDeny";
  if (decision === "allowed") return undefined;
  const why =
    decision === "explicitDeny"
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`;
  return `User: ${sessionArn(world, session)} is not authorized to perform: ${action} on resource: ${resource} ${why}`;
}
