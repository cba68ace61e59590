import { command } from "../../errors/advice.ts";
import { membersOf } from "../../logs/access-log.ts";
import type { Step } from "../../settings/table.ts";
import { byHand, check, failed, passed, warning, type Remedy, type Verdict } from "../check.ts";
import type { AccessLogging } from "../evidence.ts";

const LOST = "no line of API Gateway's is written: its times, and refused handshakes, are seen nowhere";

/** A deploy that asks for the log; only where it is asked for anyway is it a repair. */
const switching = ({ wanted }: AccessLogging, ...only: Step[]): Remedy => ({
  fix: ["run: ", command("deploy", { only, accessLogs: "on" })],
  repair: wanted === "on" ? only : [],
});

/** What is wrong, the cause first; `log` is on, or is to be. */
const rows: readonly ((log: AccessLogging) => Verdict | undefined)[] = [
  (log) =>
    log.role
      ? undefined
      : failed(
          "access-log-role-missing",
          "the account has no role in this region with which API Gateway could write logs",
          LOST,
          switching(log, "logs"),
        ),
  ({ role }) =>
    role?.fault === undefined
      ? undefined
      : failed(
          "access-log-role-unusable",
          `the account's role for API Gateway's logs, ${role.arn}, ${role.fault}`,
          LOST,
          byHand(
            "it is the account's, and every API of the region writes with it: ask its administrator to " +
              "correct it, with the policy AmazonAPIGatewayPushToCloudWatchLogs",
          ),
        ),
  (log) =>
    log.isOn
      ? undefined
      : warning(
          "access-log-off",
          "it is asked for, and the stage has none",
          LOST,
          switching(log, "logs", "stage"),
        ),
  (log) =>
    log.exists
      ? undefined
      : warning(
          "access-log-group-missing",
          `there is no log group ${log.group}`,
          LOST,
          switching(log, "logs"),
        ),
  (log) =>
    membersOf(log.format)
      ? undefined
      : warning(
          "access-log-unreadable",
          `the format of ${log.group} is no JSON with a $context.requestId`,
          "logs tail and trace leave it out",
          switching(log, "stage"),
        ),
];

/** Whether API Gateway writes the access log that is asked for, or that the stage has (AWS.md 3.7). */
export const accessLog = check({
  id: "access-log",
  hop: "log",
  title: "API Gateway's access log is in order",
  needs: ["accessLog"],
  about: "accessLog",
  judge({ accessLog: log }) {
    if (!log) return passed("off, as it is not asked for; to have one, deploy with --access-logs on");
    const verdict = rows.map((row) => row(log)).find((one) => one !== undefined);
    const unread = log.role?.unread === undefined ? "" : `, which cannot be read: ${log.role.unread}`;
    return verdict ?? passed(`${log.group}, written with ${log.role?.arn}${unread}`);
  },
});
