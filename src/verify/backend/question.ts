import type { Advice } from "../../errors/advice.ts";
import { byHand, check, failed, skipped, warning, type Check, type Remedy, type Verdict } from "../check.ts";
import { explainUnanswered, wordsOf } from "./answer.ts";
import { orOtherAddress } from "./ask-once.ts";
import type { Question, Requirement, Unasked } from "./conversation.ts";
import type { Unanswered } from "./exchange.ts";
import type { Probe, Subject } from "./probe.ts";

/** A check whose evidence is what a backend says when it is asked. */
export type BackendCheck = Check & Question;

/** What a judge knows besides the answer. */
export interface Scene {
  subject: Subject;
  /** Whether the function has reached the backend; this machine may have another way to it. */
  functionReaches: boolean;
}

interface Asking<Answer> {
  id: string;
  title: string;
  requires?: readonly Requirement[];
  ask(probe: Probe): Promise<Answer>;
  judge(answer: Answer, scene: Scene): Verdict;
}

/** A check of a backend: how it is asked, and what its answer means. */
export const question = <Answer>({ id, title, requires = [], ask, judge }: Asking<Answer>): BackendCheck => ({
  ...check({
    id,
    hop: "backend",
    title,
    needs: ["backend"],
    also: ["invocation"],
    about: "backend",
    judge({ backend: { subject, said }, invocation }) {
      const came = said.get(id);
      if (came?.kind !== "answered") return came ? unjudged(came) : skipped("it was not asked");
      const scene = { subject, functionReaches: invocation?.backendReached === true };
      // What `ask` of this very check has resolved with.
      const verdict = judge(came.answer as Answer, scene);
      return came.ended ? endedBy(verdict, came.ended, scene) : verdict;
    },
  }),
  requires,
  ask,
});

/** The verdict where a question was not asked, or its answer says nothing. */
export const unjudged = ({ because, missing }: Unasked): Verdict => skipped(because, missing);

/** The failure where the backend has ended meanwhile: everything after it has the same cause. */
function endedBy(verdict: Verdict, exchange: Unanswered, scene: Scene): Verdict {
  const evidence = `the backend no longer answers: ${wordsOf(exchange)}`;
  const means = "it ended during this check, or something in front of it did";
  const cause = unanswered(exchange, evidence, means, scene);
  if (verdict.outcome !== "failed" || cause.outcome !== "failed") return cause;
  return { ...cause, means: verdict.means, fix: verdict.fix };
}

/** The verdict where there was no answer; its code and fix are those of the network's error. */
export function unanswered(exchange: Unanswered, evidence: string, means: string, scene: Scene): Verdict {
  const { code, hint } = explainUnanswered(exchange);
  const remedy = addressFix(hint, scene);
  return scene.functionReaches
    ? warning(code, `${evidence}, from this machine`, "the function reaches it all the same", remedy)
    : failed(code, evidence, means, remedy);
}

/** A fix of what a wrong address may be the cause of. */
export const addressFix = (fix: Advice, { subject }: Scene): Remedy =>
  byHand(subject.isOfFunction ? orOtherAddress(fix) : fix);
