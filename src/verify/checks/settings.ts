import { command } from "../../errors/advice.ts";
import { byHand, check, deploying, failed, passed, warning, type Verdict } from "../check.ts";
import type { Evidence } from "../evidence.ts";

/** Runtimes that Lambda still runs but soon will not, or does not any more (AWS.md 4.2). */
const deprecated = /^(nodejs(4\.3|6\.10|8\.10|1[02468]\.x|20\.x)?|python(2\.7|3\.[6-9])|go1\.x)$/;
/** A cold start and one call of the backend. */
const SHORTEST_SECONDS = 10;
const WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER";

type Settings = Pick<Evidence, "lambda">;

/** By what is wrong; the first row that fits. */
const rows: readonly { when(settings: Settings): boolean; verdict(settings: Settings): Verdict }[] = [
  {
    when: ({ lambda: { Runtime = "" } }) => deprecated.test(Runtime),
    verdict: ({ lambda: { Runtime } }) =>
      warning(
        "runtime-deprecated",
        `runtime ${Runtime}`,
        "it is deprecated: AWS refuses to create and later to update functions with it",
        deploying("function"),
      ),
  },
  {
    when: ({ lambda: { Timeout = 0 } }) => Timeout < SHORTEST_SECONDS,
    verdict: ({ lambda: { Timeout } }) =>
      warning(
        "timeout-short",
        `${Timeout} s`,
        "a cold start and a slow answer of the backend take longer: the client gets 502, or an error frame",
        deploying("function"),
      ),
  },
  {
    when: ({ lambda: { Environment, Layers = [] } }) =>
      Environment?.Variables?.[WRAPPER] !== undefined && Layers.length === 0,
    verdict: ({ lambda: { Environment } }) =>
      failed(
        "wrapper-without-layer",
        `${WRAPPER} is ${Environment?.Variables?.[WRAPPER]}, and there is no layer`,
        "the function cannot be started: Runtime.ExitError, exit status 127",
        byHand(["add the layer that brings the file, or run: ", command("env", {}, "unset", WRAPPER)]),
      ),
  },
];

/** Whether runtime, time limit and start are such that it can run. */
export const settings = check({
  id: "settings",
  hop: "function",
  title: "runtime and time limit fit",
  needs: ["lambda"],
  judge(evidence) {
    const row = rows.find(({ when }) => when(evidence));
    const { Runtime, Timeout } = evidence.lambda;
    return row?.verdict(evidence) ?? passed(`${Runtime}, ${Timeout} s`);
  },
});
