import { randomBytes } from "node:crypto";
import type * as sdk from "@aws-sdk/client-iam";
import { AwsError } from "../../aws-error.ts";
import type { Operations } from "../operations.ts";
import { pageOf } from "../paging.ts";
import { permission } from "./permission.ts";
import { decide, malformed, statementsIn } from "./policy.ts";
import type { World } from "../../state.ts";

/** A role as IAM keeps it. */
export interface RoleState {
  name: string;
  path: string;
  id: string;
  arn: string;
  /** Epoch milliseconds. */
  createdAt: number;
  trust: string;
  description: string | undefined;
  maxSessionDuration: number;
  tags: Map<string, string>;
  /** Inline policies: name → document. */
  policies: Map<string, string>;
  /** ARNs of managed policies. */
  attached: Set<string>;
}

/**
 * IAM: global, whatever region a request is signed for. Policy documents come back URL-encoded once (AWS.md
 * 6.3).
 */
export function iam(world: World): Operations<typeof sdk> {
  const { roles } = world.state;
  const role = (roleName: string): RoleState => {
    const found = roles.get(roleName.toLowerCase());
    if (!found) throw noSuch(`The role with name ${roleName} cannot be found.`);
    return found;
  };
  const page = <Item>(
    items: readonly Item[],
    { Marker, MaxItems }: { Marker?: string | undefined; MaxItems?: number | undefined },
  ) => {
    const invalid = new AwsError("ValidationError", "Invalid Marker.");
    const { items: listed, next } = pageOf(items, {
      token: Marker,
      limit: MaxItems ?? 100,
      pageSize: world.pageSize ?? 1000,
      invalid,
    });
    return { listed, more: { IsTruncated: next !== undefined, ...(next ? { Marker: next } : {}) } };
  };

  return {
    CreateRole(input, { now }) {
      if (roles.has(input.RoleName.toLowerCase()))
        throw new AwsError(
          "EntityAlreadyExistsException",
          `Role with name ${input.RoleName} already exists.`,
        );
      const made = newRole(world.account, input, now);
      roles.set(made.name.toLowerCase(), made);
      const { MaxSessionDuration: _shownByGetRole, ...shown } = roleShape(made);
      return { Role: shown };
    },
    GetRole: ({ RoleName }) => ({ Role: { ...roleShape(role(required(RoleName))), RoleLastUsed: {} } }),
    ListRoles({ PathPrefix = "/", ...paging }) {
      const { listed, more } = page(
        [...roles.values()].filter(({ path }) => path.startsWith(PathPrefix)),
        paging,
      );
      return { Roles: listed.map(roleShape).map(({ Tags: _notListed, ...shown }) => shown), ...more };
    },
    UpdateRole({ RoleName, Description, MaxSessionDuration = 3600 }) {
      Object.assign(role(RoleName), { description: Description, maxSessionDuration: MaxSessionDuration });
    },
    UpdateAssumeRolePolicy({ RoleName, PolicyDocument }) {
      role(RoleName).trust = checkedTrust(PolicyDocument);
    },
    DeleteRole({ RoleName }) {
      const { attached, policies } = role(RoleName);
      if (attached.size > 0)
        throw new AwsError(
          "DeleteConflictException",
          "Cannot delete entity, must detach all policies first.",
        );
      if (policies.size > 0)
        throw new AwsError("DeleteConflictException", "Cannot delete entity, must delete policies first.");
      roles.delete(RoleName.toLowerCase());
    },

    TagRole: ({ RoleName, Tags }) => void setTags(role(RoleName).tags, Tags),
    UntagRole({ RoleName, TagKeys }) {
      const { tags } = role(RoleName);
      for (const key of TagKeys) tags.delete(key);
    },
    ListRoleTags({ RoleName, ...paging }) {
      const { listed, more } = page(tagList(role(RoleName).tags), paging);
      return { Tags: listed, ...more };
    },

    PutRolePolicy({ RoleName, PolicyName, PolicyDocument }) {
      const { policies } = role(RoleName);
      checkIdentityPolicy(PolicyDocument);
      const others = [...policies].filter(([other]) => other !== PolicyName).map(([, document]) => document);
      if ([...others, PolicyDocument].join("").replaceAll(/\s/g, "").length > 10_240)
        throw new AwsError(
          "LimitExceededException",
          `Maximum policy size of 10240 bytes exceeded for role ${RoleName}`,
        );
      policies.set(PolicyName, PolicyDocument);
    },
    GetRolePolicy({ RoleName, PolicyName }) {
      const document = role(RoleName).policies.get(PolicyName);
      if (document === undefined) throw noSuch(`The role policy with name ${PolicyName} cannot be found.`);
      return { RoleName, PolicyName, PolicyDocument: urlEncoded(document) };
    },
    ListRolePolicies({ RoleName, ...paging }) {
      const { listed, more } = page([...role(RoleName).policies.keys()], paging);
      return { PolicyNames: listed, ...more };
    },
    DeleteRolePolicy({ RoleName, PolicyName }) {
      if (!role(RoleName).policies.delete(PolicyName))
        throw noSuch(`The role policy with name ${PolicyName} cannot be found.`);
    },

    AttachRolePolicy({ RoleName, PolicyArn }) {
      const { attached } = role(RoleName);
      if (!/^arn:[^:]+:iam::/.test(PolicyArn))
        throw new AwsError("ValidationError", "Invalid ARN:  Could not be parsed!");
      if (!/^arn:aws:iam::aws:policy\/./.test(PolicyArn))
        throw noSuch(`Policy ${PolicyArn} does not exist or is not attachable.`);
      attached.add(PolicyArn);
    },
    DetachRolePolicy({ RoleName, PolicyArn }) {
      if (!role(RoleName).attached.delete(PolicyArn)) throw noSuch(`Policy ${PolicyArn} was not found.`);
    },
    ListAttachedRolePolicies({ RoleName, ...paging }) {
      const { listed, more } = page([...role(RoleName).attached], paging);
      return {
        AttachedPolicies: listed.map((PolicyArn) => ({ PolicyArn, PolicyName: PolicyArn.split("/").at(-1) })),
        ...more,
      };
    },

    SimulatePrincipalPolicy({ PolicySourceArn, ActionNames, ResourceArns = ["*"] }) {
      const source = [...roles.values()].find(({ arn }) => arn === PolicySourceArn);
      if (!source) throw noSuch(`The role with name ${PolicySourceArn.split("/").at(-1)} cannot be found.`);
      const asked = ActionNames.flatMap((action) => ResourceArns.map((resource) => ({ action, resource })));
      return {
        IsTruncated: false,
        EvaluationResults: asked.map(({ action, resource }) => ({
          EvalActionName: action,
          EvalResourceName: resource,
          EvalDecision: permission(world, source, { action, resource }),
          MatchedStatements: [],
          MissingContextValues: [],
        })),
      };
    },
  };
}

const noSuch = (message: string): AwsError => new AwsError("NoSuchEntityException", message);

/** GetRole's name is optional in the model, for a caller that asks for itself; here nobody is a role. */
function required(roleName: string | undefined): string {
  if (roleName === undefined)
    throw new AwsError("ValidationError", "Must specify roleName when calling with non-Role credentials");
  return roleName;
}

type NewRole = Pick<sdk.CreateRoleCommandInput, "Path" | "Description" | "MaxSessionDuration" | "Tags"> & {
  RoleName: string;
  AssumeRolePolicyDocument: string;
};

function newRole(
  account: string,
  {
    RoleName,
    Path = "/",
    AssumeRolePolicyDocument,
    Description,
    MaxSessionDuration = 3600,
    Tags = [],
  }: NewRole,
  now: number,
): RoleState {
  return {
    name: RoleName,
    path: Path,
    id: `AROA${uniqueId(17)}`,
    arn: `arn:aws:iam::${account}:role${Path}${RoleName}`,
    createdAt: now,
    trust: checkedTrust(AssumeRolePolicyDocument),
    description: Description,
    maxSessionDuration: MaxSessionDuration,
    tags: setTags(new Map(), Tags),
    policies: new Map(),
    attached: new Set(),
  };
}

/** Characters of IAM's unique ids. */
const uniqueId = (length: number): string =>
  [...randomBytes(length)].map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");

function roleShape(role: RoleState): sdk.Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: urlEncoded(role.trust),
    MaxSessionDuration: role.maxSessionDuration,
    ...(role.description === undefined ? {} : { Description: role.description }),
    ...(role.tags.size > 0 ? { Tags: tagList(role.tags) } : {}),
  };
}

function setTags(tags: Map<string, string>, given: readonly sdk.Tag[]): Map<string, string> {
  for (const { Key = "", Value = "" } of given) tags.set(Key, Value);
  return tags;
}

const tagList = (tags: ReadonlyMap<string, string>): sdk.Tag[] =>
  [...tags].map(([Key, Value]) => ({ Key, Value }));

/** RFC 3986: also the characters that encodeURIComponent leaves alone. */
const urlEncoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function checkedTrust(document: string): string {
  const statements = statementsIn(document);
  if (statements.some(({ principals }) => principals.length === 0))
    throw malformed("Missing required field Principal");
  if (statements.some(({ resources }) => resources.length > 0))
    throw malformed("Has prohibited field Resource");
  if (document.replaceAll(/\s/g, "").length > 2048)
    throw new AwsError("LimitExceededException", "Cannot exceed quota for ACLSizePerRole: 2048");
  return document;
}

function checkIdentityPolicy(document: string): void {
  const statements = statementsIn(document);
  if (statements.some(({ principals }) => principals.length > 0))
    throw malformed("Policy document should not specify a principal.");
  if (statements.some(({ actions }) => actions.length === 0))
    throw malformed("Policy statement must contain actions.");
  if (statements.some(({ resources }) => resources.length === 0))
    throw malformed("Policy statement must contain resources.");
}

/**
 * Whether Lambda can assume a role now: it exists, its trust policy names Lambda, and it is at least
 * `delayMs` old. AWS answers the same words for a role that will be usable in seconds and for one that never
 * will (AWS.md 6.4).
 */
export function lambdaCanAssume(
  role: RoleState | undefined,
  { now, delayMs }: { now: number; delayMs: number },
): boolean {
  if (!role || now - role.createdAt < delayMs) return false;
  return (
    decide(statementsIn(role.trust), {
      action: "sts:AssumeRole",
      resource: role.arn,
      principal: "lambda.amazonaws.com",
    }) === "allowed"
  );
}
