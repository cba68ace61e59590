import { command } from "../../errors/advice.ts";
import { byHand, check, deploying, passed, warning } from "../check.ts";

/** Whether the function has a log, and where it is (AWS.md 7.1). */
export const log = check({
  id: "log",
  hop: "log",
  title: "the function writes its log",
  needs: ["log"],
  about: "log",
  absent: (because) =>
    warning("log-group-missing", because, "what the function says is lost", deploying("logs")),
  judge({ log: { group, usual, hasStreams } }) {
    if (!hasStreams)
      return warning(
        "log-never-written",
        `nothing was ever written to ${group}`,
        "the role may not write, or the first lines are still on their way",
        byHand(["in a minute: ", command("logs tail", { since: "5m" })]),
      );
    if (group === usual) return passed(group);
    return warning(
      "log-group-elsewhere",
      `its LoggingConfig names ${group}`,
      `${usual} stays empty`,
      byHand(["this follows the right one: ", command("logs tail")]),
    );
  },
});
