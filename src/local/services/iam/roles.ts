import type * as sdk from "@aws-sdk/client-iam";
import { AwsError } from "../../aws-error.ts";
import { all, kept } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { permission } from "./permission.ts";
import {
  checkedTrust,
  isManagedByAws,
  newRole,
  noSuch,
  pageOfItems,
  removeTags,
  roleByArn,
  roleOf,
  roleShape,
  setTags,
  tagList,
  type Iam,
} from "./role.ts";

const op = operations<typeof sdk, Iam>();
const paging = { Marker: all, MaxItems: all } as const;

/** Roles, their tags, and what they may do. Policy documents come back URL-encoded once (AWS.md 6.3). */
export const roleOperations = [
  op(
    "CreateRole",
    {
      RoleName: all,
      AssumeRolePolicyDocument: all,
      Path: all,
      Description: kept,
      MaxSessionDuration: all,
      PermissionsBoundary: all,
      Tags: all,
    },
    (input, at) => {
      const { host, roles, now } = at;
      if (roles.has(input.RoleName.toLowerCase()))
        throw new AwsError(
          "EntityAlreadyExistsException",
          `Role with name ${input.RoleName} already exists.`,
        );
      if (input.PermissionsBoundary !== undefined) checkBoundary(at, input.PermissionsBoundary);
      const made = newRole(host.account, input, now);
      roles.set(made.name.toLowerCase(), made);
      const { MaxSessionDuration: _shownByGetRole, ...shown } = roleShape(made);
      return { Role: shown };
    },
  ),
  op("GetRole", { RoleName: all }, ({ RoleName }, at) => ({
    Role: { ...roleShape(roleOf(at, required(RoleName))), RoleLastUsed: {} },
  })),
  op("ListRoles", { PathPrefix: all, ...paging }, ({ PathPrefix = "/", ...page }, at) => {
    const within = [...at.roles.values()].filter(({ path }) => path.startsWith(PathPrefix));
    const { listed, more } = pageOfItems(at, within, page);
    return { Roles: listed.map(roleShape).map(({ Tags: _notListed, ...shown }) => shown), ...more };
  }),
  op(
    "UpdateRole",
    { RoleName: all, Description: kept, MaxSessionDuration: all },
    ({ RoleName, Description, MaxSessionDuration = 3600 }, at) => {
      Object.assign(roleOf(at, RoleName), {
        description: Description,
        maxSessionDuration: MaxSessionDuration,
      });
    },
  ),
  op("UpdateAssumeRolePolicy", { RoleName: all, PolicyDocument: all }, ({ RoleName, PolicyDocument }, at) => {
    roleOf(at, RoleName).trust = checkedTrust(PolicyDocument);
  }),
  op(
    "PutRolePermissionsBoundary",
    { RoleName: all, PermissionsBoundary: all },
    ({ RoleName, PermissionsBoundary }, at) => {
      const found = roleOf(at, RoleName);
      checkBoundary(at, PermissionsBoundary);
      found.boundary = PermissionsBoundary;
    },
  ),
  op("DeleteRolePermissionsBoundary", { RoleName: all }, ({ RoleName }, at) => {
    roleOf(at, RoleName).boundary = undefined;
  }),
  op("DeleteRole", { RoleName: all }, ({ RoleName }, at) => {
    const { attached, policies } = roleOf(at, RoleName);
    if (attached.size > 0)
      throw new AwsError("DeleteConflictException", "Cannot delete entity, must detach all policies first.");
    if (policies.size > 0)
      throw new AwsError("DeleteConflictException", "Cannot delete entity, must delete policies first.");
    at.roles.delete(RoleName.toLowerCase());
  }),

  op("TagRole", { RoleName: all, Tags: all }, ({ RoleName, Tags }, at) => {
    setTags(roleOf(at, RoleName).tags, Tags);
  }),
  op("UntagRole", { RoleName: all, TagKeys: all }, ({ RoleName, TagKeys }, at) => {
    removeTags(roleOf(at, RoleName).tags, TagKeys);
  }),
  op("ListRoleTags", { RoleName: all, ...paging }, ({ RoleName, ...page }, at) => {
    const { listed, more } = pageOfItems(at, tagList(roleOf(at, RoleName).tags), page);
    return { Tags: listed, ...more };
  }),
  // Instance profiles are of EC2; no role here is in one.
  op("ListInstanceProfilesForRole", { RoleName: all, ...paging }, ({ RoleName, ...page }, at) => {
    roleOf(at, RoleName);
    const { more } = pageOfItems(at, [], page);
    return { InstanceProfiles: [], ...more };
  }),

  op(
    "SimulatePrincipalPolicy",
    { PolicySourceArn: all, ActionNames: all, ResourceArns: all, ...paging },
    ({ PolicySourceArn, ActionNames, ResourceArns = ["*"], ...page }, at) => {
      const source = roleByArn(at, PolicySourceArn);
      if (!source) throw noSuch(`The role with name ${PolicySourceArn.split("/").at(-1)} cannot be found.`);
      const asked = ActionNames.flatMap((action) => ResourceArns.map((resource) => ({ action, resource })));
      const { listed, more } = pageOfItems(at, asked, page);
      return {
        EvaluationResults: listed.map(({ action, resource }) => ({
          EvalActionName: action,
          EvalResourceName: resource,
          EvalDecision: simulated(permission(at, source, { action, resource })),
          MatchedStatements: [],
          MissingContextValues: [],
        })),
        ...more,
      };
    },
  ),
];

/** The simulator tells of a boundary beside its decision. */
const simulated = (decided: ReturnType<typeof permission>) =>
  decided === "outsideBoundary" ? "implicitDeny" : decided;

/** A boundary is a managed policy that is there; the text is unverified. */
function checkBoundary({ managed }: Iam, arn: string): void {
  if (!isManagedByAws(arn) && !managed.has(arn))
    throw noSuch(`Scope ARN: ${arn} does not exist or is not attachable.`);
}

/** GetRole's name is optional in the model, for a caller that asks for itself; here no caller is a role. */
function required(roleName: string | undefined): string {
  if (roleName === undefined)
    throw new AwsError("ValidationError", "Must specify roleName when calling with non-Role credentials");
  return roleName;
}
