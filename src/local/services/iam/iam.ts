import * as sdk from "@aws-sdk/client-iam";
import { query } from "../../wire/query.ts";
import type { Host } from "../../host.ts";
import type { Access } from "../access.ts";
import { service } from "../service.ts";
import { global } from "../state.ts";
import { authorizationIn } from "./access.ts";
import { constraints } from "./constraints.ts";
import { managedPolicyOperations } from "./managed-policies.ts";
import { permission } from "./permission.ts";
import { decide, statementsIn } from "./policy.ts";
import { roleByArn, type Iam, type IamState, type RoleState } from "./role.ts";
import { rolePolicyOperations } from "./role-policies.ts";
import { roleOperations } from "./roles.ts";
import { sessionArn, type Session } from "./sessions.ts";

/** A denial that tells less than was asked for. */
interface Shown {
  /** The resource as the refusal names it. */
  resource: string;
  /** Whether it says that no policy allows the action. */
  reason: boolean;
}

/** What IAM lends to other services. */
export interface Roles {
  account: string;
  byArn(arn: string): Readonly<Pick<RoleState, "id" | "arn" | "maxSessionDuration">> | undefined;
  /**
   * Whether a service such as `lambda.amazonaws.com` can assume a role now: the role exists, its trust policy
   * names the service, and it is old enough. AWS answers the same words for a role that will be usable in
   * seconds and for one that never will (AWS.md 6.4).
   */
  mayAssume(arn: string, service: string, now: number): boolean;
  /** Who calls: a role's session or, without one, the account's user. */
  caller(session: Session | undefined): { arn: string; userId: string };
  /** Whether the policies of a role that exists allow something. */
  mayDo(arn: string, access: Access): boolean;
  /**
   * AWS's words for why a session may not do something; undefined where it may, and for the account's user
   * (AWS.md 6.3, 8.2).
   */
  denial(session: Session | undefined, access: Access, shown?: Shown): string | undefined;
}

/** IAM: global, whatever region a request is signed for. */
export const iam = service({
  name: "iam",
  sdk,
  protocol: (shapes) => query(shapes, "https://iam.amazonaws.com/doc/2010-05-08/"),
  invalidInput: "ValidationError",
  constraints,
  needs: {},
  state: global<IamState>(() => ({ roles: new Map() })),
  operations: [...roleOperations, ...rolePolicyOperations, ...managedPolicyOperations],
  open({ host, state }) {
    const parts: Iam = { host, roles: state.roles, managed: (state.managed ??= new Map()) };
    const decisions = rememberedDecisions(parts);
    return {
      parts,
      port: rolesPort(parts, decisions.of),
      authorization: authorizationIn(parts),
      guard: async ({ mutating }, run) => run().finally(() => void (mutating && decisions.forget())),
    };
  },
});

/** What the policies of a role decide; a role that is gone has none. */
type Decide = (roleArn: string, access: Access) => Decided;
type Decided = ReturnType<typeof permission>;

const rolesPort = (parts: Iam, decision: Decide): Roles => ({
  account: parts.host.account,
  byArn: (arn) => roleByArn(parts, arn),
  mayAssume: (arn, by, now) => mayAssume(parts, { role: roleByArn(parts, arn), by, now }),
  caller: (session) => callerOf(parts, session),
  mayDo: (arn, access) => decision(arn, access) === "allowed",
  denial: (session, access, shown = { resource: access.resource, reason: true }) =>
    session &&
    denial(parts.host, session, {
      action: access.action,
      decided: decision(session.roleArn, access),
      shown,
    }),
});

function callerOf(parts: Iam, session: Session | undefined): { arn: string; userId: string } {
  const { account } = parts.host;
  if (!session) return { arn: `arn:aws:iam::${account}:user/local`, userId: "AIDALOCALLOCALLOCALL" };
  const roleId = roleByArn(parts, session.roleArn)?.id ?? "AROALOCALLOCALLOCALL";
  return { arn: sessionArn(account, session), userId: `${roleId}:${session.name}` };
}

function mayAssume(
  { host: { delays } }: Iam,
  { role, by, now }: { role: RoleState | undefined; by: string; now: number },
): boolean {
  if (!role || now - role.createdAt < delays.roleDelayMs) return false;
  const access = { action: "sts:AssumeRole", resource: role.arn, principal: by };
  return decide(statementsIn(role.trust), access) === "allowed";
}

/** At the most; a connection has an ARN of its own. */
const DECISIONS_AT_MOST = 10_000;

/**
 * Every frame and every line of a log asks what its role may do, and the answer stays the same until a call
 * changes something in IAM.
 */
function rememberedDecisions(parts: Iam): { of: Decide; forget(): void } {
  const remembered = new Map<string, Decided>();
  return {
    of(roleArn, access) {
      const key = JSON.stringify([roleArn, access]);
      const known = remembered.get(key);
      if (known !== undefined) return known;
      if (remembered.size >= DECISIONS_AT_MOST) remembered.clear();
      const role = roleByArn(parts, roleArn);
      const decided = role ? permission(parts, role, access) : "implicitDeny";
      remembered.set(key, decided);
      return decided;
    },
    forget: () => remembered.clear(),
  };
}

function denial(
  { account }: Host,
  session: Session,
  { action, decided, shown }: { action: string; decided: Decided; shown: Shown },
): string | undefined {
  if (decided === "allowed") return undefined;
  const policy = decided === "outsideBoundary" ? "permissions boundary" : "identity-based policy";
  const implicit = shown.reason ? ` because no ${policy} allows the ${action} action` : "";
  const why = decided === "explicitDeny" ? " with an explicit deny in an identity-based policy" : implicit;
  const who = sessionArn(account, session);
  return `User: ${who} is not authorized to perform: ${action} on resource: ${shown.resource}${why}`;
}
