import { changedBetween, contentOf } from "../../aws/function-content.ts";
import { ALIAS } from "../../aws/served.ts";
import { command, deployAgain } from "../../errors/advice.ts";
import type { Step } from "../../settings/table.ts";
import { byHand, check, deploying, passed, warning, type Remedy } from "../check.ts";

/** Whether clients are served by what was written last (AWS.md 4.6). */
export const release = check({
  id: "release",
  hop: "function",
  title: "the newest release serves",
  needs: ["serving", "lambda", "latest"],
  about: "serving",
  absent: (because) =>
    warning(
      "alias-missing",
      because,
      "no release can be taken back",
      deploying("function", "integration", "routes", "permission", "stage"),
    ),
  judge({ serving: { version, isRolledBack }, lambda, latest }) {
    if (isRolledBack)
      return warning(
        "rolled-back",
        `release ${version} serves after a rollback`,
        "clients do not get what was deployed after it",
        byHand(["when that is repaired, run: ", deployAgain]),
      );
    const changed = changedBetween(contentOf(lambda), contentOf(latest));
    if (changed.length === 0) return passed(`release ${version} by the alias ${ALIAS}`);
    return warning(
      "release-older",
      `release ${version} serves, and the function was changed since: ${changed.join(", ")}`,
      "clients do not get that before the next deploy of the function",
      remedyOf(changed, variablesIn(lambda, latest)),
    );
  },
});

type Configuration = Parameters<typeof contentOf>[0];

const variablesIn = (...found: readonly Configuration[]): ReadonlySet<string> =>
  new Set(found.flatMap(({ Environment }) => Object.keys(Environment?.Variables ?? {})));

/**
 * The steps that set all that was changed, as a release is of everything in the function. No step knows what
 * the other variables were: the doctor takes those back to what serves before it runs any (`env`).
 */
function remedyOf(changed: readonly string[], variables: ReadonlySet<string>): Remedy {
  const stepOf = (name: string): Step => {
    if (name === "API_GATEWAY_ENDPOINT") return "endpoint";
    return variables.has(name) ? "env" : "function";
  };
  const remedy = deploying(...new Set(changed.map(stepOf)));
  const takesBack = command("doctor", { fix: true });
  return remedy.repair.includes("env") ? { ...remedy, fix: ["as it serves again: ", takesBack] } : remedy;
}
