import { checkBackend, type CheckRow } from "../backend/check/checks.ts";
import { subjectOf } from "../backend/check/subject.ts";
import type { Lack, Outcome } from "../backend/check/result.ts";
import { command as invocation, joined, partsOf, type Advice } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import { deployedFunction } from "../aws/lambda-function.ts";
import { redactUrl } from "../settings/redact.ts";
import type { Progress } from "../progress.ts";
import { table } from "../terminal/format.ts";
import { style } from "../terminal/style.ts";
import type { Command } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";
import type { AwsOptions, OptionsOf } from "../settings/commands.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";

interface CheckResult {
  backendUrl: string;
  /** Where the signing keys come from, and how many there are. */
  keys: { from: "the environment" | "the deployed function" | null; count: number };
  passed: number;
  failed: number;
  warnings: number;
  notAsked: number;
  /** What was not there, and would have let more be asked. */
  lacks: Lack[];
  checks: CheckRow[];
}

const LIMIT_SECONDS = 120;

export const command: Command<"backend check", CheckResult> = {
  examples: [
    {
      line: "backend check",
      description:
        "asks the deployed function's backend, signed with the function's keys; exit code 3 when a check fails",
    },
    {
      line: "backend check --backend-url http://127.0.0.1:8000 --token-stdin < token.txt",
      description:
        "asks this backend, with a token that it accepts; the keys come from SIGNING_KEYS when that is set",
    },
  ],

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
    const keys = await knownFrom({ signingKeys, backendUrl: given }, deployed);
    const asked = { backendUrl: given, booking, token, type, variables };
    const subject = subjectOf(asked, keys.variables, keys.keys);
    const backendUrl = redactUrl(subject.backendUrl);
    context.report({ kind: "started", id: "check", title: `asking ${backendUrl}` });
    const startedAt = performance.now();
    const checks = await checkBackend(subject, {
      signal: context.signal,
      limitMs: (timeoutSeconds ?? LIMIT_SECONDS) * 1_000,
    });
    context.report(endOf(checks, backendUrl, performance.now() - startedAt));
    const count = (outcome: Outcome) => checks.filter((row) => row.outcome === outcome).length;
    return {
      backendUrl,
      keys: { from: keys.from, count: keys.keys.length },
      passed: count("passed"),
      failed: count("failed"),
      warnings: count("warning"),
      notAsked: count("not asked"),
      lacks: [
        ...(keys.keys.length === 0 ? (["keys"] as const) : []),
        ...(token === undefined ? (["token"] as const) : []),
      ],
      checks,
    };
  },

  render({ backendUrl, keys, checks, passed, failed, warnings, notAsked, lacks }) {
    const signed =
      keys.from === null
        ? "not signed: no key is known"
        : `signed with ${keys.count === 1 ? "the key" : "both keys"} of ${keys.from}`;
    const counts = [
      `${passed} passed`,
      `${failed} failed`,
      `${warnings} ${warnings === 1 ? "warning" : "warnings"}`,
      `${notAsked} not asked`,
    ];
    return joined([
      `${backendUrl}, ${signed}`,
      "",
      table(checks.flatMap(rowsOf)),
      "",
      counts.join(", "),
      ...unproven(checks, lacks),
    ]);
  },

  exitCode: ({ failed }) => (failed > 0 ? exitCodes.different : exitCodes.done),
};

const signs: Readonly<Record<Outcome, string>> = {
  passed: style.green("✓"),
  failed: style.red("✗"),
  warning: style.yellow("!"),
  "not asked": style.dim("-"),
};

const rowsOf = ({ outcome, title, happened, meaning, mend }: CheckRow): string[][] => [
  [signs[outcome], title, outcome === "not asked" ? `not asked: ${happened}` : happened],
  ...(meaning ? [["", "", `which means: ${meaning}`]] : []),
  ...(mend ? [["", "", `mend it: ${mend}`]] : []),
];

/** The end of the asking; a backend that nobody reached was not asked. */
function endOf([reachable]: readonly CheckRow[], backendUrl: string, ms: number): Progress {
  return reachable?.outcome === "failed"
    ? { kind: "failed", id: "check", title: `could not ask ${backendUrl}`, message: reachable.happened }
    : { kind: "finished", id: "check", title: `asked ${backendUrl}`, outcome: "done", ms };
}

const handOver: Readonly<Record<Lack, { lack: string; pass: Advice }>> = {
  keys: {
    lack: "no signing key is known",
    pass: ["set SIGNING_KEYS to what this prints: ", invocation("outputs", { outputsFor: "backend" })],
  },
  token: {
    lack: "no token was given",
    pass: "pass --token (or --token-stdin) with one that the backend accepts",
  },
};

/**
 * What the run does not prove for want of keys or a token, so that nobody takes the count of what passed for
 * a proof of it.
 */
function unproven(checks: readonly CheckRow[], lacks: readonly Lack[]): Advice[] {
  const count = (rows: readonly CheckRow[], topic: string) =>
    rows.filter((row) => row.topic === topic).length;
  const open = checks.filter((row) => row.lacks);
  if (open.length === 0) return [];
  const topics = [...new Set(open.map(({ topic }) => topic))].map(
    (topic) => `${topic} (${count(open, topic)} of ${count(checks, topic)})`,
  );
  return [
    `not proven: ${topics.join(", ")}, because ${lacks.map((lack) => handOver[lack].lack).join(" and ")}`,
    ...lacks.map((lack) => ["  ", ...partsOf(handOver[lack].pass)]),
  ];
}

interface Known {
  keys: string[];
  from: CheckResult["keys"]["from"];
  /** The deployed function's environment; empty where it was not needed or not found. */
  variables: Readonly<Record<string, string>>;
}

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

type Options = OptionsOf<"backend check">;

/** Nothing, with a warning, where AWS cannot be asked but the backend is known all the same. */
async function deployedVariables(
  { functionName, backendUrl, ...options }: AwsOptions & Pick<Options, "functionName" | "backendUrl">,
  { aws, report, signal }: Context,
): Promise<Known["variables"]> {
  try {
    return (await deployedFunction(await aws(options), functionName))?.variables ?? {};
  } catch (error) {
    if (!backendUrl || signal.aborted) throw error;
    const message = `no signing key is known: SIGNING_KEYS is not set, and the deployed function could not be asked (${explain(error).message})`;
    report({
      kind: "warning",
      message,
      hint: "set SIGNING_KEYS to the backend's keys to have the signature checked",
    });
    return {};
  }
}
