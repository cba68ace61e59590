import type * as sdk from "@aws-sdk/client-iam";
import { AwsError, notEmulated } from "../../aws-error.ts";
import { all, kept, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { statementsIn, type Statement } from "./policy.ts";
import { checkIdentityPolicy } from "./role-policies.ts";
import {
  isManagedByAws,
  noSuch,
  pageOfItems,
  removeTags,
  setTags,
  tagList,
  uniqueId,
  urlEncoded,
  type Iam,
  type ManagedPolicy,
  type PolicyVersionState,
} from "./role.ts";

const op = operations<typeof sdk, Iam>();
const paging = { Marker: all, MaxItems: all } as const;
const versioned = { PolicyArn: all, VersionId: all } as const;

/** IAM's quotas: versions of a policy, and the characters of one, white space aside. */
const quotas = { versions: 5, characters: 6_144 };

const policyOperations = [
  op(
    "CreatePolicy",
    { PolicyName: all, Path: all, PolicyDocument: all, Description: kept, Tags: all },
    ({ PolicyName, Path = "/", PolicyDocument, Description, Tags = [] }, { host, managed, now }) => {
      // Names are unique whatever their case and path.
      if ([...managed.values()].some(({ name }) => name.toLowerCase() === PolicyName.toLowerCase()))
        throw new AwsError(
          "EntityAlreadyExistsException",
          `A policy called ${PolicyName} already exists. Duplicate names are not allowed.`,
        );
      const made: ManagedPolicy = {
        name: PolicyName,
        path: Path,
        id: `ANPA${uniqueId(17)}`,
        arn: `arn:aws:iam::${host.account}:policy${Path}${PolicyName}`,
        createdAt: now,
        updatedAt: now,
        description: Description,
        tags: setTags(new Map(), Tags),
        versions: [{ id: "v1", document: checkedPolicy(PolicyDocument), createdAt: now }],
        newest: 1,
        defaultVersion: "v1",
      };
      managed.set(made.arn, made);
      const { Description: _shownByGetPolicy, ...shown } = policyShape(made, 0);
      return { Policy: shown };
    },
  ),
  op("GetPolicy", { PolicyArn: all }, ({ PolicyArn }, at) => {
    const found = policyOf(at, PolicyArn);
    return { Policy: { ...policyShape(found, rolesWith(at, PolicyArn).length), Tags: tagList(found.tags) } };
  }),
  op(
    "ListPolicies",
    {
      Scope: all,
      OnlyAttached: all,
      PathPrefix: all,
      PolicyUsageFilter: only("PermissionsPolicy"),
      ...paging,
    },
    ({ Scope, OnlyAttached = false, PathPrefix = "/", ...page }, at) => {
      if (Scope !== "Local") throw notEmulated("the list of AWS's own policies");
      const found = [...at.managed.values()]
        .filter(({ path }) => path.startsWith(PathPrefix))
        .map((policy) => policyShape(policy, rolesWith(at, policy.arn).length))
        .filter(({ AttachmentCount = 0 }) => !OnlyAttached || AttachmentCount > 0);
      const { listed, more } = pageOfItems(at, found, page);
      return { Policies: listed.map(({ Description: _notListed, ...shown }) => shown), ...more };
    },
  ),
  op("DeletePolicy", { PolicyArn: all }, ({ PolicyArn }, at) => {
    const { versions } = policyOf(at, PolicyArn);
    if (rolesWith(at, PolicyArn).length > 0)
      throw new AwsError("DeleteConflictException", "Cannot delete a policy attached to entities.");
    if (versions.length > 1)
      throw new AwsError(
        "DeleteConflictException",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's " +
          "versions. The default version is deleted with the policy.",
      );
    at.managed.delete(PolicyArn);
  }),
  op(
    "ListEntitiesForPolicy",
    { PolicyArn: all, EntityFilter: only("Role"), PathPrefix: only("/"), ...paging },
    ({ PolicyArn, Marker, MaxItems }, at) => {
      if (!isManagedByAws(PolicyArn)) policyOf(at, PolicyArn);
      const { listed, more } = pageOfItems(at, rolesWith(at, PolicyArn), { Marker, MaxItems });
      const PolicyRoles = listed.map(({ name, id }) => ({ RoleName: name, RoleId: id }));
      return { PolicyGroups: [], PolicyUsers: [], PolicyRoles, ...more };
    },
  ),

  op("TagPolicy", { PolicyArn: all, Tags: all }, ({ PolicyArn, Tags }, at) => {
    setTags(policyOf(at, PolicyArn).tags, Tags);
  }),
  op("UntagPolicy", { PolicyArn: all, TagKeys: all }, ({ PolicyArn, TagKeys }, at) => {
    removeTags(policyOf(at, PolicyArn).tags, TagKeys);
  }),
  op("ListPolicyTags", { PolicyArn: all, ...paging }, ({ PolicyArn, ...page }, at) => {
    const { listed, more } = pageOfItems(at, tagList(policyOf(at, PolicyArn).tags), page);
    return { Tags: listed, ...more };
  }),
];

const versionOperations = [
  op(
    "CreatePolicyVersion",
    { PolicyArn: all, PolicyDocument: all, SetAsDefault: all },
    ({ PolicyArn, PolicyDocument, SetAsDefault = false }, at) => {
      const found = policyOf(at, PolicyArn);
      const document = checkedPolicy(PolicyDocument);
      if (found.versions.length >= quotas.versions)
        throw new AwsError(
          "LimitExceededException",
          `A managed policy can have up to ${quotas.versions} versions. ` +
            "Before you create a new version, you must delete an existing version.",
        );
      found.newest += 1;
      found.updatedAt = at.now;
      const made = { id: `v${found.newest}`, document, createdAt: at.now };
      found.versions.push(made);
      if (SetAsDefault) found.defaultVersion = made.id;
      const { Document: _shownByGetPolicyVersion, ...shown } = versionShape(found, made);
      return { PolicyVersion: shown };
    },
  ),
  op("GetPolicyVersion", versioned, ({ PolicyArn, VersionId }, at) => {
    const found = policyOf(at, PolicyArn);
    return { PolicyVersion: versionShape(found, versionOf(found, VersionId)) };
  }),
  op("ListPolicyVersions", { PolicyArn: all, ...paging }, ({ PolicyArn, ...page }, at) => {
    const found = policyOf(at, PolicyArn);
    const { listed, more } = pageOfItems(at, found.versions.toReversed(), page);
    const shapes = listed.map((version) => versionShape(found, version));
    return { Versions: shapes.map(({ Document: _notListed, ...shown }) => shown), ...more };
  }),
  op("SetDefaultPolicyVersion", versioned, ({ PolicyArn, VersionId }, at) => {
    const found = policyOf(at, PolicyArn);
    found.defaultVersion = versionOf(found, VersionId).id;
    found.updatedAt = at.now;
  }),
  op("DeletePolicyVersion", versioned, ({ PolicyArn, VersionId }, at) => {
    const found = policyOf(at, PolicyArn);
    const { id } = versionOf(found, VersionId);
    if (id === found.defaultVersion)
      throw new AwsError("DeleteConflictException", "Cannot delete the default version of a policy.");
    found.versions = found.versions.filter((version) => version.id !== id);
  }),
];

/** The account's own managed policies and their versions (AWS.md 6.3). */
export const managedPolicyOperations = [...policyOperations, ...versionOperations];

/** What the default version of a policy of the account says; undefined for a policy that is not there. */
export function managedStatements({ managed }: Pick<Iam, "managed">, arn: string): Statement[] | undefined {
  const found = managed.get(arn);
  return found && statementsIn(versionOf(found, found.defaultVersion).document);
}

function policyOf({ managed }: Iam, arn: string): ManagedPolicy {
  if (isManagedByAws(arn)) throw notEmulated(`what ${arn} is`);
  const found = managed.get(arn);
  if (!found) throw noSuch(`Policy ${arn} was not found.`);
  return found;
}

function versionOf({ arn, versions }: ManagedPolicy, id: string): PolicyVersionState {
  const found = versions.find((version) => version.id === id);
  if (!found) throw noSuch(`Policy ${arn} version ${id} does not exist or is not attachable.`);
  return found;
}

const rolesWith = ({ roles }: Iam, arn: string) =>
  [...roles.values()].filter(({ attached }) => attached.has(arn));

function checkedPolicy(document: string): string {
  checkIdentityPolicy(document);
  if (document.replaceAll(/\s/g, "").length > quotas.characters)
    throw new AwsError("LimitExceededException", `Cannot exceed quota for PolicySize: ${quotas.characters}`);
  return document;
}

const policyShape = (
  { name, id, arn, path, defaultVersion, description, createdAt, updatedAt, tags }: ManagedPolicy,
  attachments: number,
): sdk.Policy => ({
  PolicyName: name,
  PolicyId: id,
  Arn: arn,
  Path: path,
  DefaultVersionId: defaultVersion,
  AttachmentCount: attachments,
  PermissionsBoundaryUsageCount: 0,
  IsAttachable: true,
  ...(description === undefined ? {} : { Description: description }),
  CreateDate: new Date(createdAt),
  UpdateDate: new Date(updatedAt),
  ...(tags.size > 0 ? { Tags: tagList(tags) } : {}),
});

const versionShape = (
  { defaultVersion }: ManagedPolicy,
  { id, document, createdAt }: PolicyVersionState,
): sdk.PolicyVersion => ({
  Document: urlEncoded(document),
  VersionId: id,
  IsDefaultVersion: id === defaultVersion,
  CreateDate: new Date(createdAt),
});
