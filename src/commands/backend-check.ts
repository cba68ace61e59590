import { signingKeysIn } from "../aws/signing-keys.ts";
import { readKit } from "../backend/kit.ts";
import { backendChecks, topics } from "../verify/backend/all-checks.ts";
import { converse, type Missing } from "../verify/backend/conversation.ts";
import { subjectOf } from "../verify/backend/subject.ts";
import type { Command, Notice } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { backendKeys, command as invocation, joined, partsOf, type Advice } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import type { Progress } from "../progress.ts";
import type { AwsOptions, OptionsOf } from "../settings/commands.ts";
import { redactUrl } from "../settings/redact.ts";
import { checkLines, countsOf, countsText } from "../terminal/checks.ts";
import { openEvidence } from "../verify/evidence.ts";
import { examine, isBad, type CheckLine } from "../verify/examine.ts";
import { connecting } from "../verify/proof.ts";
import type { Unproven } from "../verify/unproven.ts";

/** A check of a backend, with what it belongs to. */
interface CheckRow extends CheckLine {
  topic: string;
}

interface CheckResult {
  backendUrl: string;
  /** Where the signing keys come from, and how many there are. */
  keys: { from: "the environment" | "the deployed function" | null; count: number };
  /** The FastAPI kit that the backend's answers name, and the one that `backend init` writes. */
  kit: { version: string; current: string | null } | null;
  passed: number;
  failed: number;
  warnings: number;
  skipped: number;
  /** What was not given; with it more would have been checked. */
  missing: Missing[];
  /** What was not checked for lack of it, and topics of which nothing could be checked. */
  unproven: Unproven[];
  checks: CheckRow[];
}

const LIMIT_SECONDS = 120;

export const command: Command<"backend check", CheckResult> = {
  async run(
    {
      backendUrl: given,
      booking,
      token: givenToken,
      tokenStdin,
      type,
      timeoutSeconds,
      signingKeys,
      variables,
      functionName,
      ...options
    },
    context,
  ) {
    const token = await context.token({ token: givenToken, tokenStdin });
    const deployed = () => deployedVariables({ ...options, functionName, backendUrl: given }, context);
    const known = await knownFrom({ signingKeys, backendUrl: given }, deployed);
    const client = { backendUrl: given, booking, token, type, variables };
    const subject = subjectOf(client, known.variables, known.keys);
    const backendUrl = redactUrl(subject.backendUrl);
    context.report({ kind: "started", id: "check", title: `checking ${backendUrl}` });
    const startedAt = performance.now();
    const limitMs = (timeoutSeconds ?? LIMIT_SECONDS) * 1_000;
    const backend = await converse(subject, backendChecks, { signal: context.signal, limitMs });
    const lines = await examine(backendChecks, openEvidence({ backend: () => Promise.resolve(backend) }));
    context.report(endOf(lines, backendUrl, performance.now() - startedAt));
    const kit = backend.kit === undefined ? null : { version: backend.kit, current: await currentKit() };
    return resultOf(lines, { backendUrl, known, token, kit });
  },

  render({ backendUrl, keys, kit, checks, passed, failed, warnings, skipped, ...rest }, { verbose, strict }) {
    const signed =
      keys.from === null
        ? "unsigned: no signing key"
        : `signed with ${keys.count === 1 ? "the key" : "both keys"} of ${keys.from}`;
    return joined([
      `${backendUrl}, ${signed}`,
      ...kitLine(kit),
      "",
      ...checkLines(verbose ? checks : summed(checks)),
      "",
      countsText({ passed, failed, warnings, skipped }),
      ...unchecked(checks, rest.missing),
      ...(strict && failed === 0 && rest.unproven.length > 0 ? ["not proven: exit code 3 (--strict)"] : []),
    ]);
  },

  next({ failed }, { backendUrl, booking, token, tokenStdin, strict }) {
    if (failed > 0) {
      const given = { backendUrl, booking, tokenStdin, strict: strict || undefined };
      return typing(invocation("backend check", given), "once what failed is repaired");
    }
    return backendUrl === undefined
      ? typing(connecting({ booking, token, tokenStdin }))
      : typing(invocation("plan", { backendUrl }));
  },

  exitCode: ({ failed, unproven }, { strict }) =>
    failed > 0 || (strict && unproven.length > 0) ? exitCodes.different : exitCodes.done,

  notices: ({ checks, failed, unproven }, { strict }) => [
    ...checks.filter(isBad).map(({ outcome, title, evidence, fix }): Notice => ({
      level: outcome === "failed" ? "error" : "warning",
      message: `${title}: ${evidence}`,
      hint: fix,
    })),
    // What was skipped because of a failure has the same cause.
    ...unproven
      .filter(({ code }) => failed === 0 || code !== "skipped")
      .map(({ what, why, fix }): Notice => ({
        level: strict ? "error" : "warning",
        message: `not proven: ${what}: ${why}`,
        hint: fix,
      })),
  ],
};

/** By topic: what was skipped for lack of keys or a token, or altogether. */
function unprovenIn(rows: readonly CheckRow[]): Unproven[] {
  const topics = [...new Set(rows.map(({ topic }) => topic))];
  return topics.flatMap((topic) => {
    const all = rows.filter((row) => row.topic === topic);
    const skipped = all.filter(({ outcome }) => outcome === "skipped");
    const open = skipped.length === all.length ? skipped : skipped.filter(({ missing }) => missing);
    const [first] = open;
    if (!first) return [];
    const { missing, evidence } = first;
    return {
      code: missing ?? "skipped",
      what: `${topic} (${open.length} of ${all.length} checks)`,
      why: missing ? remedies[missing].reason : evidence,
      fix: missing ? remedies[missing].fix : null,
    };
  });
}

const topicOf: ReadonlyMap<string, string> = new Map(
  Object.entries(topics).flatMap(([topic, checks]) => checks.map(({ id }) => [id, topic])),
);

function resultOf(
  lines: readonly CheckLine[],
  {
    backendUrl,
    known,
    token,
    kit,
  }: Pick<CheckResult, "backendUrl" | "kit"> & {
    known: Known;
    token: string | undefined;
  },
): CheckResult {
  const checks = lines.map((line) => ({ ...line, topic: topicOf.get(line.id) ?? "" }));
  return {
    backendUrl,
    keys: { from: known.from, count: known.keys.length },
    kit,
    ...countsOf(checks),
    missing: [
      ...(known.keys.length === 0 ? (["keys"] as const) : []),
      ...(token === undefined ? (["token"] as const) : []),
    ],
    unproven: unprovenIn(checks),
    checks,
  };
}

/** The version of the kit that `backend init` writes. */
const currentKit = async (): Promise<string | null> => (await readKit()).version ?? null;

function kitLine(kit: CheckResult["kit"]): Advice[] {
  if (kit === null) return [];
  if (kit.version === kit.current) return [`FastAPI kit ${kit.version}`];
  return [[`FastAPI kit ${kit.version}; to write ${kit.current}: `, invocation("backend init")]];
}

/** One row for all checks of a topic that passed, and for all that were skipped for one reason. */
function summed(checks: readonly CheckRow[]): CheckRow[] {
  const groups = new Map<string, CheckRow[]>();
  for (const row of checks) {
    const key = [row.topic, ...reasonOf(row)].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((rows) => {
    const [first] = rows as [CheckRow];
    if (rows.length === 1) return first;
    const evidence =
      first.outcome === "passed" ? `${rows.length} passed` : `${rows.length} checks, ${first.evidence}`;
    return { ...first, title: first.topic, evidence };
  });
}

const reasonOf = ({ id, outcome, evidence }: CheckRow): string[] =>
  outcome === "passed" ? [outcome] : outcome === "skipped" ? [outcome, evidence] : [id];

/** The end of the checks; a backend that cannot be reached was not checked. */
function endOf([reachable]: readonly CheckLine[], backendUrl: string, ms: number): Progress {
  return reachable?.outcome === "failed"
    ? { kind: "failed", id: "check", title: `could not check ${backendUrl}`, message: reachable.evidence }
    : { kind: "finished", id: "check", title: `checked ${backendUrl}`, outcome: "done", ms };
}

const remedies: Readonly<Record<Missing, { reason: string; fix: Advice }>> = {
  keys: {
    reason: "there is no signing key",
    fix: ["SIGNING_KEYS is in the file that this writes: ", backendKeys()],
  },
  token: {
    reason: "no token was given",
    fix: "pass --token (or --token-stdin) with a token that the backend accepts",
  },
};

/** What was skipped for want of keys or a token: the count of passed checks does not cover it. */
function unchecked(checks: readonly CheckRow[], missing: readonly Missing[]): Advice[] {
  const open = checks.filter((row) => row.missing);
  if (open.length === 0) return [];
  const count = (rows: readonly CheckRow[], topic: string) =>
    rows.filter((row) => row.topic === topic).length;
  const topics = [...new Set(open.map(({ topic }) => topic))].map(
    (topic) => `${topic} (${count(open, topic)} of ${count(checks, topic)})`,
  );
  const reasons = missing.map((what) => remedies[what].reason).join(" and ");
  return [
    `skipped: ${topics.join(", ")}, because ${reasons}`,
    ...missing.map((what) => ["  ", ...partsOf(remedies[what].fix)]),
  ];
}

interface Known {
  keys: string[];
  from: CheckResult["keys"]["from"];
  /** The deployed function's environment; empty where it was not needed or not found. */
  variables: Readonly<Record<string, string>>;
}

type Options = OptionsOf<"backend check">;

/**
 * Keys and addresses: from the environment where both are there, so that a backend can be checked without
 * AWS; the rest from the deployed function.
 */
async function knownFrom(
  { signingKeys, backendUrl }: Pick<Options, "signingKeys" | "backendUrl">,
  deployed: () => Promise<Known["variables"]>,
): Promise<Known> {
  const given = signingKeysIn(signingKeys ?? "", "SIGNING_KEYS");
  if (given.length > 0 && backendUrl) return { keys: given, from: "the environment", variables: {} };
  const variables = await deployed();
  if (given.length > 0) return { keys: given, from: "the environment", variables };
  const keys = signingKeysIn(variables["SIGNING_KEYS"] ?? "", "the function's SIGNING_KEYS");
  return { keys, from: keys.length > 0 ? "the deployed function" : null, variables };
}

/** Empty, with a warning, where AWS does not answer but the backend is known all the same. */
async function deployedVariables(
  { functionName, backendUrl, ...options }: AwsOptions & Pick<Options, "functionName" | "backendUrl">,
  { aws, report, signal }: Context,
): Promise<Known["variables"]> {
  try {
    const { deployedFunction } = await import("../aws/lambda-function.ts");
    return (await deployedFunction(await aws(options), functionName))?.variables ?? {};
  } catch (error) {
    if (!backendUrl || signal.aborted) throw error;
    const reason = `the deployed function could not be read (${explain(error).message})`;
    report({
      kind: "warning",
      message: `no signing key: SIGNING_KEYS is not set, and ${reason}`,
      hint: "set SIGNING_KEYS to the backend's keys to have the signature checked",
    });
    return {};
  }
}
