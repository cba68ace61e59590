import { CliError } from "../errors/error.ts";
import { tagNames, type Tags } from "../aws/tags.ts";
import { tagsAtCreation } from "../resources/configured-tags.ts";
import { differences, redacted, sameIn, withoutStaying } from "../stack/difference.ts";
import { isOfOthers } from "../stack/adopt.ts";
import { isWanted, type Observed, type Stack } from "../stack/engine.ts";
import {
  KNOWN_AFTER_DEPLOY,
  MADE_ON_FIRST_DEPLOY,
  unknownAttributes,
  type AnyFound,
  type AnyResource,
} from "../stack/resource.ts";
import { attributesAsReferences, isReferring, referredIn } from "./reference.ts";

type Members = Readonly<Record<string, unknown>>;

/** Stands for a value that is no text of the export, as it may be secret. */
export class Secret {
  /** The last part of its path, for example `SIGNING_KEYS`. */
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** One resource of the stack as a format is told of it. */
export interface Exported {
  resource: AnyResource;
  /** As desired, with references in place of ids; what is not configured is as it was found. */
  properties: Members;
  /** Absent where it has none of its own. */
  tags: Tags | undefined;
  /** The ids of what is to be there before it. */
  needs: readonly string[];
  /** Absent where it is not deployed. */
  found: AnyFound | undefined;
  /** It is deployed otherwise than it is exported. */
  isDrifted: boolean;
}

/** Each format says by itself whose account it is; all else that is only looked up is taken as it is. */
const CALLER = "AWS::STS::CallerIdentity";

/** The account's settings belong to no stack: they stay where they are. */
const OF_THE_ACCOUNT = "AWS::ApiGateway::Account";

/** The stack's resources as they are desired. Calls nothing. */
export const exportedOf = (stack: Stack, observed: Observed): Exported[] =>
  stack.resources
    .filter(
      (resource) =>
        resource.desired &&
        isWanted(resource) &&
        !isOfOthers(resource, observed) &&
        !("former" in resource) &&
        resource.type !== OF_THE_ACCOUNT,
    )
    .map((resource) => exported(resource, observed));

/** Whether the stack needs a setting of the account that is not there. */
export const lacksAccountSetting = (stack: Stack, observed: Observed): boolean =>
  stack.resources.some(
    (resource) => resource.type === OF_THE_ACCOUNT && isWanted(resource) && !observed.get(resource),
  );

function exported(resource: AnyResource, observed: Observed): Exported {
  const found = observed.get(resource);
  const desiredWith = (attributesOf: (need: AnyResource) => Readonly<Record<string, string>>): Members =>
    withoutStaying(
      resource,
      found,
      resource.desired?.(
        Object.fromEntries(
          Object.entries<AnyResource>(resource.needs).map(([name, need]) => [name, attributesOf(need)]),
        ),
      ) ?? {},
    );
  const isExported = (need: AnyResource) => need.desired !== undefined && !isOfOthers(need, observed);
  const referring = desiredWith((need) =>
    isExported(need) || need.type === CALLER
      ? attributesAsReferences(need.id)
      : (observed.get(need)?.attributes ?? unknownAttributes),
  );
  const known = desiredWith((need) => observed.get(need)?.attributes ?? unknownAttributes);
  const merged = together(resource, "", { found: found?.properties, referring, known }) as Members;
  // Every format has tags in a form of its own.
  const { Tags: _all, ConfiguredTags: _names, ...told } = merged;
  const properties = withoutSecrets(resource, told);
  const needed = Object.values<AnyResource>(resource.needs).filter(isExported);
  return {
    resource,
    properties,
    tags: found ? taggedBeside(found, known) : withoutRun(resource.tags),
    needs: needed.map(({ id }) => id),
    found,
    isDrifted: found !== undefined && differences(resource, found, known).length > 0,
  };
}

/** The tags that were found, with those that the configuration sets. */
const taggedBeside = (
  { tags, furtherTags = tags }: AnyFound,
  { Tags: configured }: { Tags?: Tags },
): Tags | undefined => furtherTags && { ...furtherTags, ...tagsAtCreation(configured) };

/** Which run creates it is not known before there is one. */
const withoutRun = (tags: Tags | undefined): Tags | undefined =>
  tags && Object.fromEntries(Object.entries(tags).filter(([name]) => name !== tagNames.run));

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One value as it is, as it is desired with references, and as it is desired with the real ids. */
interface Value {
  found: unknown;
  referring: unknown;
  known: unknown;
}

/**
 * A found value with the desired one over it, unless it may stay as it is (`Resource.same`). What refers to
 * others is taken with its references; what was computed of ids, such as a hash, as it is with the real ones.
 */
function together(resource: AnyResource, path: string, { found, referring, known }: Value): unknown {
  if (found !== undefined && sameIn(resource, path)?.(found, known)) return found;
  if (isMembers(referring)) {
    const [before, real] = [isMembers(found) ? found : {}, isMembers(known) ? known : {}];
    const over = Object.entries(referring).map(([key, value]) => {
      const of = { found: before[key], referring: value, known: real[key] };
      return [key, together(resource, path === "" ? key : `${path}.${key}`, of)] as const;
    });
    const all = Object.entries({ ...before, ...Object.fromEntries(over) });
    return Object.fromEntries(all.filter(([, value]) => value !== undefined));
  }
  if (Array.isArray(referring)) {
    const real: unknown[] = Array.isArray(known) ? known : [];
    return referring.map((value, index) =>
      together(resource, `${path}[]`, { found: undefined, referring: value, known: real[index] }),
    );
  }
  if (referring === MADE_ON_FIRST_DEPLOY) return found ?? referring;
  if (typeof referring !== "string" || isReferring(referring)) return referring;
  return known === KNOWN_AFTER_DEPLOY ? undefined : known;
}

/** What would be masked elsewhere becomes a variable of the format. */
function withoutSecrets(resource: AnyResource, properties: Members, prefix = ""): Members {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => {
      const path = prefix + key;
      if (isMembers(value)) return [key, withoutSecrets(resource, value, `${path}.`)];
      const isMade = value === MADE_ON_FIRST_DEPLOY;
      const isOpen = typeof value === "string" && isReferring(value);
      const isMasked = !isOpen && redacted(resource, path, value) !== value;
      return [key, isMade || isMasked ? new Secret(key) : value];
    }),
  );
}

/** What a format makes of a property: its own name for it, other members, or nothing on purpose. */
export type PropertyForm = string | null | ((value: never, of: Exported) => Members);

/**
 * The members of a resource as a format has them. Throws a CliError that names the property that the format
 * does not know.
 */
export function membersAs(
  format: string,
  of: Exported,
  forms: Readonly<Record<string, PropertyForm>>,
): Members {
  const members = Object.entries(of.properties).map(([name, value]) => {
    const { [name]: form } = forms;
    if (form === undefined) throw inexpressible(format, `${of.resource.id}.${name}`);
    if (form === null) return {};
    return typeof form === "string" ? { [form]: value } : form(value as never, of);
  });
  return Object.assign({}, ...members) as Members;
}

/** What a format has no words for fails the whole export. */
export const inexpressible = (format: string, what: string): CliError =>
  new CliError("export-impossible", `${what} cannot be expressed for ${format}`, {
    hint: "this is a gap of shelfshack-ws: report it; nothing was written",
  });

/** What a resource is to follow although its members do not refer to it. */
export function followsOf({ needs }: Exported, members: Members): string[] {
  const referred = referredIn(members);
  return needs.filter((id) => !referred.includes(id));
}

/** A policy with the statements that a deploy leaves in it as they are. */
export function wholePolicy({ properties: { PolicyDocument, LeftStatements } }: Exported): Members {
  const { Statement, ...document } = PolicyDocument as { Statement: readonly object[] };
  return { ...document, Statement: [...Statement, ...((LeftStatements ?? []) as readonly object[])] };
}
