import type { Deployment } from "@aws-sdk/client-apigatewayv2";
import { isOfDeploy } from "../../aws/deployed.ts";
import { byHand, check, deploying, failed, passed, warning } from "../check.ts";

/** Whether the stage serves our newest deployment: a snapshot of the routes (AWS.md 3.4). */
export const stage = check({
  id: "stage",
  hop: "gateway",
  title: "the stage serves the newest deployment",
  needs: ["stage", "deployments"],
  about: "stage",
  absent: (because) => failed("stage-missing", because, "every handshake ends with 403", deploying("stage")),
  judge({ stage: { StageName, DeploymentId }, deployments }) {
    const serves = deployments.find((one) => one.DeploymentId === DeploymentId);
    if (!serves)
      return failed(
        "stage-undeployed",
        `the stage ${StageName} has no deployment`,
        "every handshake ends with 403",
        deploying("stage"),
      );
    const ours = deployments.filter(isOfDeploy);
    const wanted = newestOf(ours) ?? newestOf(deployments);
    const served = `the stage ${StageName} serves ${DeploymentId}${madeAt(serves)}`;
    if (wanted && wanted.DeploymentId !== DeploymentId)
      return failed(
        "stage-stale",
        `${served}; should be ${wanted.DeploymentId}${madeAt(wanted)}`,
        "clients meet the routes of another deployment",
        deploying("stage"),
      );
    const newest = newestOf(deployments);
    if (!newest || newest.DeploymentId === DeploymentId)
      return passed(`${StageName}, deployment ${DeploymentId}${madeAt(serves)}`);
    return warning(
      "stage-stale",
      `${served}; a newer one that no deploy made is ${newest.DeploymentId}${madeAt(newest)}`,
      "routes that were changed by hand since then are not served",
      byHand(
        `to serve it: aws apigatewayv2 update-stage --stage-name ${StageName} --api-id ID --deployment-id ID`,
      ),
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
