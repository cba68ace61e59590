import { createHash } from "node:crypto";
import { accessLogLine } from "./gateway/access-log.ts";
import type { Seen, ServedStage } from "./gateway/contract.ts";
import type { Roles } from "./services/iam/iam.ts";
import type { LogGroups } from "./services/logs/logs.ts";

interface Places {
  logs: LogGroups;
  roles: Pick<Roles, "mayDo">;
  servedStage(apiId: string, stage: string): ServedStage | undefined;
  /** The account's role for API Gateway's logs. */
  logRole(region: string): string | undefined;
}

/**
 * Writes a line into the access log of a stage for each event, where it has one and the account's role may
 * write there (AWS.md 3.7).
 */
export const accessLogging =
  ({ logs, roles, servedStage, logRole }: Places) =>
  (seen: Seen): void => {
    if (seen.kind !== "event") return;
    const { region, accessLog } = servedStage(seen.apiId, seen.stage) ?? {};
    if (!region || !accessLog) return;
    const { group, format } = accessLog;
    const role = logRole(region);
    const access = { action: "logs:PutLogEvents", resource: `${logs.arn(region, group)}:log-stream:any` };
    if (role === undefined || !roles.mayDo(role, access)) return;
    const stream = createHash("md5").update(`${seen.apiId}/${seen.stage}`).digest("hex");
    logs.append(region, [{ group, stream, timestamp: Date.now(), message: accessLogLine(format, seen) }]);
  };
