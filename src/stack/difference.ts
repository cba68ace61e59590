import { isDeepStrictEqual } from "node:util";
import { KNOWN_AFTER_DEPLOY, MADE_ON_FIRST_DEPLOY, type AnyFound, type AnyResource } from "./resource.ts";

/** One value that is not as it should be. `from` and `to` are for people: secrets are already masked. */
export interface Difference {
  /** For example `Environment.BACKEND_URL`. */
  path: string;
  from: unknown;
  /** null for what is removed. */
  to: unknown;
}

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value as people may see it: as the longest secret path that covers it says; placeholders as they are. */
export function redacted({ secret = {} }: AnyResource, path: string, value: unknown): unknown {
  if (value === undefined || value === KNOWN_AFTER_DEPLOY || value === MADE_ON_FIRST_DEPLOY) return value;
  const [mask] = Object.entries(secret)
    .filter(([covered]) => path === covered || path.startsWith(`${covered}.`))
    .toSorted(([one], [other]) => other.length - one.length)
    .map(([, redact]) => redact);
  if (!mask) return value;
  return mask(typeof value === "string" ? value : JSON.stringify(value));
}

function compared(resource: AnyResource, path: string, found: unknown, desired: unknown): Difference[] {
  if (desired === MADE_ON_FIRST_DEPLOY && found) return [];
  if (found !== undefined && sameIn(resource, path)?.(found, desired)) return [];
  if (isMembers(desired) && isMembers(found)) {
    return Object.entries(desired).flatMap(([key, value]) =>
      compared(resource, `${path}.${key}`, found[key], value),
    );
  }
  return isDeepStrictEqual(found, desired)
    ? []
    : [{ path, from: redacted(resource, path, found), to: redacted(resource, path, desired) }];
}

/**
 * What differs between a resource as it is and as it should be. Only members that we set are compared: AWS's
 * defaults and other people's additions are not drift. Lists are compared whole.
 */
export function differences(resource: AnyResource, found: AnyFound, desired: object): Difference[] {
  const current: Members = { ...found.properties };
  return Object.entries(withoutStaying(resource, found, desired)).flatMap(([key, value]) =>
    compared(resource, key, current[key], value),
  );
}

/** What differs between two states of a resource, of what the first names, also where only one has it. */
export const between = (resource: AnyResource, before: object, after: object): Difference[] =>
  Object.entries(before).flatMap(([key, value]) =>
    betweenValues(resource, key, value, (after as Members)[key]),
  );

function betweenValues(resource: AnyResource, path: string, from: unknown, to: unknown): Difference[] {
  if (isDeepStrictEqual(from, to) || (to === MADE_ON_FIRST_DEPLOY && from)) return [];
  if (isMembers(from) && isMembers(to))
    return [...new Set([...Object.keys(from), ...Object.keys(to)])]
      .toSorted()
      .flatMap((key) => betweenValues(resource, `${path}.${key}`, from[key], to[key]));
  return [{ path, from: redacted(resource, path, from), to: redacted(resource, path, to) ?? null }];
}

/** What is desired, without what stays as it was found. */
export function withoutStaying(resource: AnyResource, found: AnyFound | undefined, desired: object): Members {
  const staying = (found && resource.staysAsFound?.(found)) ?? [];
  return Object.fromEntries(Object.entries(desired).filter(([key]) => !staying.includes(key)));
}

/** The resource's own comparison of a path. */
export const sameIn = ({ same = {} }: AnyResource, path: string) =>
  (same as Readonly<Record<string, (found: unknown, desired: unknown) => boolean>>)[path];

/** The names of the properties that differ: `Environment` for `Environment.BACKEND_URL`. */
export const propertiesIn = (differing: readonly Difference[]): ReadonlySet<string> =>
  new Set(differing.map(({ path }) => path.replace(/\..*/, "")));

/**
 * The found properties with only the wanted paths replaced by what is desired: an update changes what differs
 * and nothing else.
 */
export function withOnly(
  found: object,
  desired: object,
  wanted: (path: string) => boolean,
  prefix = "",
): object {
  const merged: Record<string, unknown> = { ...found };
  for (const [key, value] of Object.entries(desired)) {
    const path = prefix + key;
    if (isMembers(value) && isMembers(merged[key]))
      merged[key] = withOnly(merged[key], value, wanted, `${path}.`);
    else if (wanted(path)) merged[key] = value;
  }
  return merged;
}

const isUnknown = (value: unknown): boolean =>
  !isMembers(value) && (JSON.stringify(value) ?? "").includes(KNOWN_AFTER_DEPLOY);

/** What is desired, without the values that hold a placeholder. */
export function withoutUnknown(desired: object): object {
  const known = Object.entries(desired).filter(([, value]) => !isUnknown(value));
  return Object.fromEntries(
    known.map(([key, value]) => [key, isMembers(value) ? withoutUnknown(value) : value]),
  );
}
