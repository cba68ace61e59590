import type { Deployment } from "@aws-sdk/client-apigatewayv2";
import { check, deploying, failed, passed } from "../check.ts";

/** Whether the stage serves the newest deployment: it is a snapshot of the routes (AWS.md 3.4). */
export const stage = check({
  id: "stage",
  hop: "gateway",
  title: "the stage serves the newest deployment",
  needs: ["stage", "deployments"],
  about: "stage",
  absent: (_names, because) =>
    failed("stage-missing", because, "every handshake ends with 403", deploying("stage")),
  judge({ stage: { StageName, DeploymentId }, deployments }) {
    const serves = deployments.find((one) => one.DeploymentId === DeploymentId);
    if (!serves)
      return failed(
        "stage-undeployed",
        `the stage ${StageName} has no deployment`,
        "every handshake ends with 403",
        deploying("stage"),
      );
    const newest = newestOf(deployments);
    if (newest?.DeploymentId === DeploymentId || !newest)
      return passed(`${StageName}, deployment ${DeploymentId}${madeAt(serves)}`);
    return failed(
      "stage-stale",
      `the stage ${StageName} serves ${DeploymentId}${madeAt(serves)}; the newest is ${newest.DeploymentId}`,
      "clients meet the routes of an older deployment",
      deploying("stage"),
    );
  },
});

const madeAt = ({ CreatedDate }: Deployment): string =>
  CreatedDate === undefined ? "" : ` of ${CreatedDate.toISOString().slice(0, 16).replace("T", " ")}`;

/** Of two in the same second the one that is listed later is the newer one. */
const newestOf = (deployments: readonly Deployment[]): Deployment | undefined =>
  deployments
    .filter(({ DeploymentStatus }) => DeploymentStatus !== "FAILED")
    .toSorted((one, other) => Number(one.CreatedDate) - Number(other.CreatedDate))
    .at(-1);
