import { loadSharedConfigFiles, loadSsoSessionData } from "@smithy/core/config";
import { shellWord } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";

type Section = Readonly<Record<string, string | undefined>>;
type Sections = Readonly<Record<string, Section>>;

/** What the user's AWS files say: the profiles of both, and the SSO sessions. */
export interface ProfileFiles {
  profiles: Sections;
  sessions: Sections;
}

/** What a profile takes credentials from. */
type Way = "role" | "keys" | "web-identity" | "process" | "sso" | "login";

/** Profiles that lead to credentials, the asked one first: each but the last has the next as its source. */
export interface Profile {
  name: string;
  section: Section;
  way: Way;
}

const hasKeys = ({ aws_access_key_id, aws_secret_access_key }: Section): boolean =>
  aws_access_key_id !== undefined && aws_secret_access_key !== undefined;
const isSso = (section: Section): boolean =>
  ["sso_session", "sso_start_url", "sso_account_id", "sso_region", "sso_role_name"].some(
    (key) => section[key] !== undefined,
  );

/** The ways in the order in which the SDK tries them; a half one is none. */
const ways: readonly { way: Way; has(section: Section): boolean }[] = [
  {
    way: "role",
    has: ({ role_arn, source_profile, credential_source }) =>
      role_arn !== undefined && (source_profile === undefined) !== (credential_source === undefined),
  },
  { way: "keys", has: hasKeys },
  {
    way: "web-identity",
    has: ({ web_identity_token_file, role_arn }) =>
      web_identity_token_file !== undefined && role_arn !== undefined,
  },
  { way: "process", has: ({ credential_process }) => credential_process !== undefined },
  { way: "sso", has: isSso },
  { way: "login", has: ({ login_session }) => login_session !== undefined },
];

const sources = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];

/** What makes a profile useless, the first that is met; undefined for a row that does not fit. */
const lacks: readonly ((section: Section, files: ProfileFiles) => string | undefined | false)[] = [
  ({ role_arn, source_profile, credential_source, web_identity_token_file }) =>
    role_arn !== undefined &&
    source_profile === undefined &&
    credential_source === undefined &&
    web_identity_token_file === undefined &&
    "has role_arn without source_profile or credential_source",
  ({ role_arn, source_profile, credential_source }) =>
    role_arn !== undefined &&
    source_profile !== undefined &&
    credential_source !== undefined &&
    "has source_profile and credential_source, of which a role takes one",
  ({ role_arn, credential_source }) =>
    role_arn !== undefined &&
    credential_source !== undefined &&
    !sources.includes(credential_source) &&
    `has credential_source ${JSON.stringify(credential_source)}, which is none of ${sources.join(", ")}`,
  ({ web_identity_token_file, role_arn }) =>
    web_identity_token_file !== undefined &&
    role_arn === undefined &&
    "has web_identity_token_file without role_arn",
  (section) => {
    const halves = ["aws_access_key_id", "aws_secret_access_key"];
    const [half, ...both] = halves.filter((key) => section[key] !== undefined);
    const other = halves.find((key) => key !== half);
    return wayOf(section) === undefined && half && both.length === 0 && `has ${half} without ${other}`;
  },
  ({ sso_session }, { sessions }) =>
    sso_session !== undefined &&
    sectionOf(sessions, sso_session) === undefined &&
    `names sso_session ${JSON.stringify(sso_session)}, and the config file has no [sso-session] of that name`,
  (section, { sessions }) => {
    const all = { ...section, ...sectionOf(sessions, section["sso_session"] ?? "") };
    const missing = ["sso_start_url", "sso_region", "sso_account_id", "sso_role_name"].filter(
      (key) => !all[key],
    );
    return wayOf(section) === "sso" && missing.length > 0 && `signs in by SSO without ${missing.join(", ")}`;
  },
];

/** What both AWS files hold, as the SDK reads them: one that cannot be read is empty. */
export async function readProfileFiles(): Promise<ProfileFiles> {
  const [{ configFile, credentialsFile }, sessions] = await Promise.all([
    loadSharedConfigFiles(),
    loadSsoSessionData(),
  ]);
  const names = new Set([...Object.keys(configFile), ...Object.keys(credentialsFile)]);
  const merged = [...names].map((name) => [
    name,
    { ...sectionOf(configFile, name), ...sectionOf(credentialsFile, name) },
  ]);
  return { profiles: Object.fromEntries(merged) as Sections, sessions };
}

const sectionOf = (sections: Sections, name: string): Section | undefined =>
  Object.hasOwn(sections, name) ? sections[name] : undefined;
const wayOf = (section: Section): Way | undefined => ways.find(({ has }) => has(section))?.way;

/**
 * The way from a profile to credentials; empty for one that names none, for which the SDK looks elsewhere.
 * Throws a CliError (exit 2) for a profile that can never give any.
 */
export function wayToCredentials(name: string, files: ProfileFiles): readonly Profile[] {
  const path: Profile[] = [];
  for (let next: string | undefined = name; next !== undefined;) {
    const profile: Profile | undefined = profileOn(path, next, files);
    if (!profile) return [];
    path.push(profile);
    next = profile.way === "role" ? profile.section["source_profile"] : undefined;
  }
  return path;
}

/** The profile of that name, as the next of a path. */
function profileOn(path: readonly Profile[], name: string, files: ProfileFiles): Profile | undefined {
  const section = sectionOf(files.profiles, name);
  const asSource = path.at(-1);
  const words = asSource ? `${quoted(name)}, the source_profile of ${quoted(asSource.name)},` : quoted(name);
  if (!section)
    throw asSource ? fault("profile-source-missing", words, "was not found") : missing(name, files);
  if (asSource && hasKeys(section)) return { name, section, way: "keys" };
  if (path.some((visited) => visited.name === name))
    throw fault(
      "profile-circular",
      quoted(path[0]?.name ?? name),
      `is its own source: ${circle(path, name)}`,
    );
  for (const lack of lacks) {
    const lacking = lack(section, files);
    if (lacking) throw fault("profile-incomplete", words, lacking);
  }
  const way = wayOf(section);
  if (way === undefined && asSource) throw fault("profile-incomplete", words, "holds no credentials");
  return way && { name, section, way };
}

const circle = (path: readonly Profile[], name: string): string =>
  [...path.map((profile) => profile.name), name].map(quoted).join(" → ");
/** Whether it can be a part of what signs a request: printable ASCII, without a space. */
export const isSignable = (part: unknown): boolean => typeof part === "string" && /^[\x21-\x7e]+$/.test(part);

export const quoted = (name: string): string => JSON.stringify(name);

const fault = (code: ErrorCode, profile: string, words: string): CliError =>
  new CliError(code, `AWS profile ${profile} ${words}`, {
    hint: "correct it in ~/.aws/config and ~/.aws/credentials, or choose another one with --profile",
  });

/** How many profiles a hint lists. */
const MOST_LISTED = 10;

function missing(name: string, { profiles }: ProfileFiles): CliError {
  const names = Object.keys(profiles);
  const listed = names.slice(0, MOST_LISTED).map(quoted).join(", ");
  const rest = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : "";
  return new CliError("profile-missing", `AWS profile ${quoted(name)} was not found`, {
    hint:
      names.length === 0
        ? "no profile was found in ~/.aws/config and ~/.aws/credentials; " +
          `to make one: aws configure --profile ${shellWord(name)}`
        : `choose one with --profile or AWS_PROFILE: ${listed}${rest}`,
  });
}
