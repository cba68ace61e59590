import { isDeepStrictEqual } from "node:util";
import { redactUrl } from "../settings/redact.ts";
import { KNOWN_AFTER_DEPLOY, MADE_ON_FIRST_DEPLOY, type AnyFound, type AnyResource } from "./resource.ts";

/** One value that is not as it should be. `from` and `to` are for people: secrets are already masked. */
export interface Difference {
  /** For example `Environment.BACKEND_URL`. */
  path: string;
  from: unknown;
  to: unknown;
}

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Variables of the function whose values may be shown, as the addresses that they are; every other one may
 * hold a secret, whatever its name.
 */
const shownVariables = new Set(["Environment.BACKEND_URL", "Environment.API_GATEWAY_ENDPOINT"]);

/** What may be shown of a value: nothing of somebody's variable, unless it is one of our own placeholders. */
function shown(path: string, value: unknown): unknown {
  const isPlaceholder = value === undefined || value === KNOWN_AFTER_DEPLOY || value === MADE_ON_FIRST_DEPLOY;
  if (isPlaceholder || !path.startsWith("Environment.")) return value;
  return typeof value === "string" && shownVariables.has(path) ? redactUrl(value) : "***";
}

function compared(path: string, found: unknown, desired: unknown): Difference[] {
  if (desired === MADE_ON_FIRST_DEPLOY && found) return [];
  if (isMembers(desired) && isMembers(found)) {
    return Object.entries(desired).flatMap(([key, value]) => compared(`${path}.${key}`, found[key], value));
  }
  return isDeepStrictEqual(found, desired)
    ? []
    : [{ path, from: shown(path, found), to: shown(path, desired) }];
}

/**
 * What differs between a thing as it is and as it should be. Only members that we set are compared: AWS's
 * defaults and other people's additions are not drift. Lists are compared whole.
 */
export function differences(resource: AnyResource, found: AnyFound, desired: object): Difference[] {
  const same = new Map<string, (found: unknown, desired: unknown) => boolean>(
    Object.entries(resource.same ?? {}),
  );
  const current: Members = { ...found.properties };
  const differing = Object.entries(desired)
    .filter(([key, value]) => !(key in current && same.get(key)?.(current[key], value)))
    .flatMap(([key, value]) => compared(key, current[key], value));
  return found.trouble === undefined
    ? differing
    : [...differing, { path: "State", from: found.trouble, to: "in working order" }];
}

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
