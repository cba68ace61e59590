import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeRole, openLocalAws } from "../support/local-aws.ts";
import { errorCode, needsTerminal, run, start, type RunOptions } from "../support/program.ts";

const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYxx";
const role = "role_arn = arn:aws:iam::000000000000:role/proxy-role";
const mfa = `${role}\nsource_profile = keys\nmfa_serial = arn:aws:iam::000000000000:mfa/me`;
const sso = (session: string) => `sso_session = ${session}\nsso_account_id = 1\nsso_role_name = r`;
/** A helper that prints this JSON, whose quotes it needs. */
const printing = (json: object) => `credential_process = echo '${JSON.stringify(json)}'`;

/** Profiles by name: what each holds, the error that it is, and what its words say. */
const failing: Readonly<Record<string, readonly [section: string, code: string, words: RegExp]>> = {
  without: ["region = us-east-1", "profile-incomplete", /holds no credentials/],
  half: ["aws_access_key_id = a", "profile-incomplete", /aws_access_key_id without aws_secret/],
  alone: [role, "profile-incomplete", /role_arn without source_profile or credential_source/],
  both: [
    `${role}\nsource_profile = keys\ncredential_source = Environment`,
    "profile-incomplete",
    /takes one/,
  ],
  strange: [`${role}\ncredential_source = Mars`, "profile-incomplete", /"Mars", which is none of/],
  lost: [`${role}\nsource_profile = nope`, "profile-source-missing", /"nope", the source_profile of "lost"/],
  empty: [`${role}\nsource_profile = without`, "profile-incomplete", /"without", the source_profile of/],
  here: [`${role}\ncredential_source = Environment`, "profile-source-missing", /from Environment/],
  round: [`${role}\nsource_profile = trip`, "profile-circular", /"round" → "trip" → "round"/],
  trip: [`${role}\nsource_profile = round`, "profile-circular", /is its own source/],
  mfa: [mfa, "mfa-needed", /needs the code of an MFA device/],
  refused: [
    "role_arn = arn:aws:iam::000000000000:role/none\nsource_profile = keys",
    "role-not-assumed",
    /not authorized to perform: sts:AssumeRole on resource: .*role\/none/,
  ],
  failing: [
    `credential_process = sh -c 'printf "\\033[2Jsign in first ${secret}" >&2; exit 3' ${secret}`,
    "credential-process-failed",
    /"failing" failed: .{1,10}\[2Jsign in first \*\*\*/,
  ],
  absent: ["credential_process = /nope/helper", "credential-process-failed", /\/nope\/helper: not found/],
  text: ["credential_process = echo hello", "credential-process-failed", /returned invalid JSON/],
  old: [
    printing({ Version: 1, AccessKeyId: "a", SecretAccessKey: secret, Expiration: "2020-01-01T00:00:00Z" }),
    "credential-process-failed",
    /expired credentials/,
  ],
  odd: [
    printing({ Version: 1, AccessKeyId: "a b", SecretAccessKey: secret }),
    "credential-process-failed",
    /credentials that are none/,
  ],
  spaced: [
    `aws_access_key_id = a\naws_secret_access_key = ${secret} ${secret}`,
    "profile-incomplete",
    /"spaced": its aws_secret_access_key holds/,
  ],
  unsigned: [sso("signed-out"), "sso-failed", /no SSO session for AWS profile "unsigned"/],
  sessionless: [sso("nope"), "profile-incomplete", /sso_session "nope"/],
  partial: ["sso_start_url = https://x.example/start", "profile-incomplete", /without sso_region, sso_acc/],
  token: [`${role}\nweb_identity_token_file = /nope/token`, "web-identity-failed", /"\/nope\/token" cannot/],
  console: ["login_session = arn:aws:iam::000000000000:user/me", "login-failed", /missing or has expired/],
};

/** A folder with these profiles, and the variables that point the program at it. */
async function home(): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-profiles-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const sections = [
    "[profile keys]\naws_access_key_id = local\naws_secret_access_key = local",
    `[profile good]\n${role}\nsource_profile = keys`,
    "[sso-session signed-out]\nsso_region = us-east-1\nsso_start_url = https://x.example/start",
    ...Object.entries(failing).map(([name, [section]]) => `[profile ${name}]\n${section}`),
  ];
  await writeFile(join(folder, "config"), sections.join("\n\n"));
  return { HOME: folder, AWS_CONFIG_FILE: join(folder, "config"), AWS_REGION: "us-east-1" };
}

/** The variables for a local AWS that has the role. */
async function atLocalAws(): Promise<Record<string, string>> {
  const local = await openLocalAws();
  await makeRole(local);
  return { ...(await home()), AWS_ENDPOINT_URL: local.url };
}

const status = (profile: string, options: RunOptions) =>
  run(["status", "--json", "--debug", "--profile", profile], options);

test("every way in which a profile fails has its own words", async () => {
  const env = await atLocalAws();
  const rows = Object.entries(failing);
  const check = async ([name, [, code, words]]: (typeof rows)[number]) => {
    const ended = await status(name, { env });
    expect.soft(errorCode(ended), name).toBe(code);
    const { message } = JSON.parse(ended.stdout).error;
    expect.soft(message, name).toMatch(words);
    expect.soft(ended.stdout + ended.stderr, name).not.toContain(secret);
  };
  await Promise.all(rows.map(check));
});

test("a profile that is missing is named, with those that are there, before the region", async () => {
  const { AWS_REGION: _, ...env } = await home();
  const { stdout } = await status("nope", { env });
  expect(JSON.parse(stdout).error).toMatchObject({
    code: "profile-missing",
    message: 'AWS profile "nope" was not found',
    hint: expect.stringContaining('"keys"'),
  });
});

test("a role is assumed; the code of an MFA device is asked for unseen", async (context) => {
  needsTerminal(context);
  const env = await atLocalAws();
  const good = await status("good", { env });
  expect(errorCode(good)).toBeUndefined();
  const ask = async (typed: string) => {
    const asked = start(["status", "--profile", "mfa", "--no-color"], { env, columns: 200 });
    await asked.says("MFA code for arn:aws:iam::000000000000:mfa/me (hidden): ");
    asked.type(typed);
    return await asked.ended;
  };
  const inTurn = async () => {
    const taken = await ask("123456\r");
    expect(taken.stdout).toContain("missing");
    expect(taken.stdout).not.toContain("123456");
    expect((await ask("123456\r")).stdout).toContain("each is taken once");
  };
  const others = ["12345\r", "\u0004", "\u0003"].map(ask);
  await inTurn();
  const [short, ended, interrupted] = await Promise.all(others);
  expect(short?.stdout).toContain("has six digits");
  expect([ended?.code, interrupted?.code]).toEqual([130, 130]);
});
