import { randomBytes } from "node:crypto";
import type * as sdk from "@aws-sdk/client-iam";
import { AwsError } from "../../aws-error.ts";
import type { Host } from "../../host.ts";
import { pageOf } from "../paging.ts";
import { matchesWildcard } from "../../../contract/wildcard.ts";
import { malformed, statementsIn } from "./policy.ts";

/** What IAM keeps. */
export interface IamState {
  /** By name in lower case: role names are unique whatever their case (AWS.md 6.3). */
  roles: Map<string, RoleState>;
  /** The account's own managed policies by ARN; absent until there is one. */
  managed?: Map<string, ManagedPolicy>;
}

/** What IAM's operations work with. */
export interface Iam extends Required<IamState> {
  host: Host;
}

/** A managed policy as IAM keeps it; times in epoch milliseconds. */
export interface ManagedPolicy {
  name: string;
  path: string;
  id: string;
  arn: string;
  createdAt: number;
  updatedAt: number;
  description: string | undefined;
  tags: Map<string, string>;
  /** Oldest first; at least the default one. */
  versions: PolicyVersionState[];
  /** The number of the newest version; numbers never come again. */
  newest: number;
  defaultVersion: string;
}

/** One version of a managed policy. */
export interface PolicyVersionState {
  /** `v1`, `v2`, … */
  id: string;
  document: string;
  createdAt: number;
}

/** Whether a policy is one of AWS's own, which every account may attach. */
export const isManagedByAws = (arn: string): boolean => /^arn:aws:iam::aws:policy\/./.test(arn);

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
  /** The ARN of the managed policy that it can never exceed. */
  boundary?: string | undefined;
}

/** The role of a name. Throws NoSuchEntity. */
export function roleOf({ roles }: IamState, roleName: string): RoleState {
  const found = roles.get(roleName.toLowerCase());
  if (!found) throw noSuch(`The role with name ${roleName} cannot be found.`);
  return found;
}

/** The role of an ARN, if it exists. */
export const roleByArn = ({ roles }: IamState, roleArn: string): RoleState | undefined =>
  [...roles.values()].find(({ arn }) => arn === roleArn);

export const noSuch = (message: string): AwsError => new AwsError("NoSuchEntityException", message);

/** A page in IAM's form. */
export function pageOfItems<Item>(
  { host }: Iam,
  items: readonly Item[],
  { Marker, MaxItems }: { Marker?: string | undefined; MaxItems?: number | undefined },
): { listed: Item[]; more: { IsTruncated: boolean; Marker?: string } } {
  const { items: listed, next } = pageOf(items, {
    token: Marker,
    limit: MaxItems ?? 100,
    pageSize: host.pageSize ?? 1000,
    invalid: new AwsError("ValidationError", "Invalid Marker."),
  });
  return { listed, more: { IsTruncated: next !== undefined, ...(next ? { Marker: next } : {}) } };
}

interface NewRole {
  RoleName: string;
  AssumeRolePolicyDocument: string;
  Path?: string | undefined;
  Description?: string | undefined;
  MaxSessionDuration?: number | undefined;
  PermissionsBoundary?: string | undefined;
  Tags?: readonly sdk.Tag[] | undefined;
}

/** A role that was made just now. Throws MalformedPolicyDocument for a trust policy that is none. */
export function newRole(account: string, given: NewRole, now: number): RoleState {
  const { RoleName, Path = "/", AssumeRolePolicyDocument, Description } = given;
  const { MaxSessionDuration = 3600, Tags = [] } = given;
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
    boundary: given.PermissionsBoundary,
  };
}

/** Characters of IAM's unique ids. */
export const uniqueId = (length: number): string =>
  [...randomBytes(length)].map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");

/** A role as answers show it. */
export function roleShape(role: RoleState): sdk.Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: urlEncoded(role.trust),
    MaxSessionDuration: role.maxSessionDuration,
    ...(role.boundary === undefined
      ? {}
      : {
          PermissionsBoundary: {
            // AWS answers another word than its model lists.
            PermissionsBoundaryType: "Policy" as sdk.PermissionsBoundaryAttachmentType,
            PermissionsBoundaryArn: role.boundary,
          },
        }),
    ...(role.description === undefined ? {} : { Description: role.description }),
    ...(role.tags.size > 0 ? { Tags: tagList(role.tags) } : {}),
  };
}

/** The most tags that a role or a policy has (AWS.md 6.3). */
const maxTags = 50;

/**
 * Adds tags, or replaces their values: keys are the same whatever their case. Throws InvalidInput for a key
 * that is given twice, and LimitExceeded.
 */
export function setTags(tags: Map<string, string>, given: readonly sdk.Tag[]): Map<string, string> {
  if (new Set(given.map(({ Key = "" }) => Key.toLowerCase())).size < given.length)
    throw new AwsError(
      "InvalidInputException",
      "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
  const changed = new Map(tags);
  for (const { Key = "", Value = "" } of given) {
    removeTags(changed, [Key]);
    changed.set(Key, Value);
  }
  if (changed.size > maxTags)
    throw new AwsError("LimitExceededException", `Cannot exceed quota for TagsPerResource: ${maxTags}`);
  tags.clear();
  for (const [key, value] of changed) tags.set(key, value);
  return tags;
}

/** Removes tags by their keys, whatever their case. */
export function removeTags(tags: Map<string, string>, keys: readonly string[]): void {
  const gone = new Set(keys.map((key) => key.toLowerCase()));
  for (const key of tags.keys()) if (gone.has(key.toLowerCase())) tags.delete(key);
}

/** Tags in IAM's form. */
export const tagList = (tags: ReadonlyMap<string, string>): sdk.Tag[] =>
  [...tags].map(([Key, Value]) => ({ Key, Value }));

/** RFC 3986: also the characters that encodeURIComponent leaves alone. */
export const urlEncoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** What a trust policy can be about; a pattern is taken when it may mean one of them (AWS.md 6.3). */
const trustActions = [
  "sts:assumerole",
  "sts:assumerolewithsaml",
  "sts:assumerolewithwebidentity",
  "sts:setcontext",
  "sts:setsourceidentity",
  "sts:tagsession",
];

const isTrustAction = (action: string): boolean =>
  trustActions.some((known) => matchesWildcard(action.toLowerCase(), known));

/** A trust policy that IAM takes; throws MalformedPolicyDocument and LimitExceeded. */
export function checkedTrust(document: string): string {
  const statements = statementsIn(document);
  if (statements.some(({ principals }) => principals.length === 0))
    throw malformed("Missing required field Principal");
  if (statements.some(({ resources }) => resources.length > 0))
    throw malformed("Has prohibited field Resource");
  if (statements.some(({ actions }) => !actions.every(isTrustAction)))
    throw malformed("AssumeRole policy may only specify STS AssumeRole actions.");
  if (document.replaceAll(/\s/g, "").length > 2048)
    throw new AwsError("LimitExceededException", "Cannot exceed quota for ACLSizePerRole: 2048");
  return document;
}
