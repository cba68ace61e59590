import { contentOf } from "../../aws/function-content.ts";
import { ALIAS } from "../../aws/served.ts";
import { command } from "../../errors/advice.ts";
import { byHand, check, deploying, passed, warning } from "../check.ts";

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
        "what was deployed after it serves no client",
        byHand(["when that is repaired, run: ", command("deploy")]),
      );
    if (contentOf(lambda) === contentOf(latest)) return passed(`release ${version} by the alias ${ALIAS}`);
    return warning(
      "release-older",
      `release ${version} serves, and the function was changed since`,
      "what was changed serves no client",
      deploying("function"),
    );
  },
});
