import { watchOwn } from "../artifact/watch.ts";
import type { Artifact } from "../artifact/zip.ts";
import type { Aws } from "../aws/clients.ts";
import { deleteRelease } from "../aws/releases.ts";
import type { Advice } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";
import type { ChangeLine } from "../stack/describe.ts";
import { deployStack, type DeployableStack } from "../stack/deploy.ts";
import { codeToUpload, type CodeOptions } from "./code.ts";

/** What a change of own code came to. */
export interface Round {
  kind: "round";
  /** When it was over, ISO time. */
  at: string;
  ms: number;
  /** Whether other code was uploaded: a change may be of a file that is not in the zip. */
  changed: boolean;
  sha256: string | null;
  /** The release that serves it now; null where nothing was changed. */
  release: string | null;
  /** What of the code was not checked before, and why; null where it was loaded. */
  unchecked: string | null;
  /** Why the code is not deployed. */
  error: { code: ErrorCode; message: string; hint: Advice | null } | null;
}

/** What the rounds work with. */
export interface Rounds {
  options: CodeOptions & Pick<Settings, "functionName">;
  open(artifact: Artifact): Promise<DeployableStack>;
  report: Report;
  signal: AbortSignal;
}

/** The releases of rounds that stay: what serves, and what the one before may still answer. */
const KEPT = 2;

/**
 * Runs `first` and, where that answers true, deploys the code alone each time that it has changed, from
 * before `first` has read it: yields each round until the signal is aborted. A round that fails leaves what
 * serves. The releases of the rounds take each other's place, so that those from before stay for a rollback.
 */
export async function* deployRounds(rounds: Rounds, first: () => Promise<boolean>): AsyncGenerator<Round> {
  const over = new AbortController();
  const changes = watchOwn(rounds.options, AbortSignal.any([rounds.signal, over.signal]));
  let next = changes.next();
  next.catch(isThrownWhenItIsAwaited);
  const releases: string[] = [];
  try {
    if (!(await first())) return;
    while (!(await next).done) {
      const round = await deployRound(rounds, releases);
      if (rounds.signal.aborted) return;
      yield round;
      next = changes.next();
    }
  } finally {
    over.abort();
  }
}

/** It may fail while `first` works. */
function isThrownWhenItIsAwaited(): void {}

async function deployRound(rounds: Rounds, releases: string[]): Promise<Round> {
  const since = performance.now();
  const outcome = await deployCode(rounds, releases).catch((error: unknown) => {
    const { code, message, hint = null } = explain(error);
    return { changed: false, sha256: null, release: null, unchecked: null, error: { code, message, hint } };
  });
  const ms = Math.round(performance.now() - since);
  return { kind: "round", at: new Date().toISOString(), ms, ...outcome };
}

async function deployCode(
  { options, open, signal, ...told }: Rounds,
  releases: string[],
): Promise<Omit<Round, "kind" | "at" | "ms">> {
  // A round is one line: of its steps only warnings are told, and what is noted of the code stands in it.
  let unchecked: string | null = null;
  const report: Report = (event) => {
    if (event.kind === "warning") told.report(event);
  };
  const ofCode: Report = (event) => {
    if (event.kind === "note") unchecked = event.message;
    else report(event);
  };
  const artifact = await codeToUpload(options, { report: ofCode, signal });
  const stack = await open(artifact);
  const run = { ...stack.run, report };
  const { changed, resources, code } = await deployStack({ ...stack, run }, { codeOnly: true });
  const release = releaseIn(resources);
  if (release !== null) await keepLast(release, releases, { ...run, functionName: options.functionName });
  return { changed, sha256: code.sha256, release, unchecked, error: null };
}

/** The release that the alias was moved to. */
function releaseIn(resources: readonly ChangeLine[]): string | null {
  const alias = resources.find(({ type }) => type === "AWS::Lambda::Alias");
  const to = alias?.differences.find(({ path }) => path === "FunctionVersion")?.to;
  return typeof to === "string" ? to : null;
}

async function keepLast(
  release: string,
  releases: string[],
  { aws, report, functionName }: { aws: Aws; report: Report; functionName: string },
): Promise<void> {
  releases.push(release);
  for (const old of releases.splice(0, releases.length - KEPT))
    await deleteRelease(aws, functionName, old).catch((error: unknown) =>
      report({ kind: "warning", message: `release ${old} stays: ${explain(error).message}` }),
    );
}
