import type { Seen, StageAddress } from "./gateway/contract.ts";
import type { Metrics } from "./services/monitoring/monitoring.ts";

/**
 * Counts what a gateway has seen, as CloudWatch does for a stage (AWS.md 7.4). `regionOf` tells where a stage
 * is; undefined where it is gone.
 */
export const measuring =
  (metrics: Metrics, regionOf: (at: StageAddress) => string | undefined) =>
  (seen: Seen): void => {
    const region = regionOf(seen);
    if (region === undefined) return;
    const dimensions = { ApiId: seen.apiId, Stage: seen.stage };
    for (const name of countedIn(seen))
      metrics.add(region, { namespace: "AWS/ApiGateway", name, dimensions });
  };

/** The names of the metrics to which something seen adds one. */
function countedIn(seen: Seen): string[] {
  if (seen.kind === "delivery") return seen.status === 200 ? ["MessageCount"] : [];
  const isCalled = seen.lambdaRequestId !== undefined || seen.problem?.startsWith("integration_") === true;
  return [
    ...(seen.event === "connect" && isCalled ? ["ConnectCount"] : []),
    ...(seen.event === "message" ? ["MessageCount"] : []),
    ...(isCalled && seen.status >= 400 ? ["IntegrationError"] : []),
    ...(!isCalled && seen.status >= 400 && seen.status < 500 ? ["ClientError"] : []),
  ];
}
