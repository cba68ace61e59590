import type { BackendCode, Missing } from "./backend/conversation.ts";
import { command, type Advice } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import type { Step } from "../settings/table.ts";
import type { ConnectionsProof } from "./connections-proof.ts";
import type { Evidence, EvidenceName } from "./evidence.ts";
import type { FindingCode } from "./judge.ts";

/** The hops in the order in which a message travels, behind what every look into AWS needs. */
export type Hop = "account" | "gateway" | "function" | "backend" | "connections" | "log" | "client";

/** What only a doctor tells. A code is a promise, the words beside it are not. */
type OwnCode =
  | "api-missing"
  | "api-endpoint-disabled"
  | "route-expression-wrong"
  | "stage-missing"
  | "stage-undeployed"
  | "stage-stale"
  | "stage-throttled"
  | "stage-limits-low"
  | "route-missing"
  | "route-untargeted"
  | "route-authorized"
  | "integration-missing"
  | "integration-wrong-type"
  | "integration-other-function"
  | "integration-unqualified"
  | "permission-missing"
  | "permission-other-api"
  | "permission-segments"
  | "permission-routes"
  | "function-missing"
  | "function-failed"
  | "function-changing"
  | "function-throttled"
  | "concurrency-low"
  | "alias-missing"
  | "release-older"
  | "code-other"
  | "handler-other"
  | "runtime-deprecated"
  | "timeout-short"
  | "wrapper-without-layer"
  | "backend-url-missing"
  | "backend-url-invalid"
  | "backend-url-private"
  | "aws-endpoint-overridden"
  | "signing-keys-missing"
  | "endpoint-wss"
  | "endpoint-invalid"
  | "endpoint-other-api"
  | "endpoint-other-stage"
  | "role-missing"
  | "role-untrusting"
  | "push-denied"
  | "log-group-missing"
  | "log-group-elsewhere"
  | "log-denied"
  | "log-never-written"
  | "access-log-off"
  | "access-log-role-missing"
  | "access-log-role-unusable"
  | "access-log-group-missing"
  | "access-log-unreadable"
  | "task-role-missing"
  | "task-role-denied"
  | "unreadable";

/** Every cause that is told apart. */
export type Code = OwnCode | ErrorCode | FindingCode | BackendCode | ConnectionsProof["code"];

/** What a check says of its evidence. */
export type Verdict =
  | { outcome: "passed"; evidence: string }
  | {
      outcome: "failed" | "warning";
      code: Code;
      evidence: string;
      /** What it does to clients. */
      means: string;
      fix: Advice | null;
      /** The steps of a deploy that repair it; none where it is not ours to repair. */
      repair: readonly Step[];
    }
  | {
      outcome: "skipped";
      because: string;
      /** What the user may pass, so that it can be judged. */
      missing?: Missing;
    };

/** What a check judges: each is there, or the check is skipped. */
export type Judged<Name extends EvidenceName> = { readonly [Key in Name]: Evidence[Key] };

/** One question about one hop. It judges evidence and calls nothing; its id is a promise. */
export interface Check<Name extends EvidenceName = EvidenceName, Also extends EvidenceName = EvidenceName> {
  id: string;
  hop: Hop;
  title: string;
  needs: readonly Name[];
  /** What it judges better with, and without as well. */
  also?: readonly Also[];
  /** The evidence whose absence is this check's to tell; those behind it are skipped. */
  about?: Name;
  /** The verdict where that is not there, with what was read of what it needs before that. */
  absent?(because: string, evidence: Judged<Name>): Verdict;
  judge(evidence: Judged<Name> & Partial<Judged<Also>>): Verdict;
}

/** A check, typed by the evidence that it names (the methods are bivariant on purpose). */
export const check = <const Name extends EvidenceName, const Also extends EvidenceName = never>(
  given: Check<Name, Also>,
): Check => given;

export const passed = (evidence: string): Verdict => ({ outcome: "passed", evidence });
export const skipped = (because: string, missing?: Missing): Verdict => ({
  outcome: "skipped",
  because,
  ...(missing && { missing }),
});

/** How to repair it: words, or a deploy of steps. */
export interface Remedy {
  fix: Advice | null;
  repair: readonly Step[];
}

/** A remedy that is a deploy of these steps. */
export const deploying = (...only: Step[]): Remedy => ({
  fix: ["run: ", command("deploy", { only })],
  repair: only,
});

/** A remedy that is not ours to carry out. */
export const byHand = (fix: Advice | null): Remedy => ({ fix, repair: [] });

const finding =
  (outcome: "failed" | "warning") =>
  (code: Code, evidence: string, means: string, remedy: Remedy): Verdict => ({
    outcome,
    code,
    evidence,
    means,
    ...remedy,
  });

export const failed = finding("failed");
export const warning = finding("warning");
