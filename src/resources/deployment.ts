import { createHash } from "node:crypto";
import type { Deployment } from "@aws-sdk/client-apigatewayv2";
import { CliError } from "../errors/error.ts";
import { derived, type Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import { settingsOf, type IntegrationResource } from "./integration.ts";
import type { formerRoutes, RouteResource } from "./route.ts";
import { complete, everyPage } from "../aws/answers.ts";
import { DEPLOYMENT_PREFIX, isOfDeploy } from "../aws/deployed.ts";
import { poll } from "../aws/wait.ts";

interface DeploymentProperties {
  ApiId: string;
  Description: string;
}
type DeploymentAttributes = { DeploymentId: string };

/**
 * A snapshot of the routes and integrations, which is what a stage serves (AWS.md 3.4). It cannot be changed,
 * so its description keeps a hash of what it was made of: when that differs from what we want today, a new
 * one is made.
 */
export function deployment(
  config: { functionName: string; region: string },
  needs: {
    account: AccountResource;
    api: ApiResource;
    integration: IntegrationResource;
    /** To be gone before it is made. */
    former: ReturnType<typeof formerRoutes>;
  },
  routes: readonly RouteResource[],
): Resource<DeploymentProperties, DeploymentAttributes, typeof needs> {
  const keys = routes.map(({ name }) => name);
  return {
    id: "Deployment",
    type: "AWS::ApiGatewayV2::Deployment",
    name: "of the routes",
    step: "stage",
    needs: { ...needs, ...Object.fromEntries(routes.map((one) => [one.id, one])) },
    within: needs.api,
    foundBy: "content",
    adoption: "marked",
    copies: true,

    // Routes and integration are as we want them by the time that the snapshot is made of them.
    desired: ({ account, api: { ApiId }, integration: { IntegrationId } }) => ({
      ApiId,
      Description: derived(
        [IntegrationId, account.Account, account.Partition],
        () => DEPLOYMENT_PREFIX + hash([IntegrationId, settingsOf(config, account), keys]),
      ),
    }),

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const items = await everyPage((NextToken) =>
        aws.apigatewayv2.call("GetDeployments", { ApiId, NextToken, MaxResults: "100" }),
      );
      const ours = items.filter((one) => isOfDeploy(one) && one.DeploymentStatus !== "FAILED");
      // Dates have whole seconds; of two in the same second the one listed later is the newer one.
      return ours
        .toSorted((one, other) => Number(one.CreatedDate) - Number(other.CreatedDate))
        .map((found) => complete(found, ["DeploymentId", "Description"]))
        .map(({ DeploymentId, Description }) => ({
          attributes: { DeploymentId },
          properties: { ApiId, Description },
        }));
    },

    async create(aws, desired) {
      const created = await aws.apigatewayv2.call("CreateDeployment", desired);
      return { DeploymentId: await deployed(aws, desired.ApiId, created) };
    },
  };
}

export type DeploymentResource = ReturnType<typeof deployment>;

const hash = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);

/** A snapshot is made at once as a rule (AWS.md 3.4). */
const polling = {
  firstMs: 500,
  thenMs: 500,
  longestMs: 500,
  budgetMs: 30_000,
  reason: "API Gateway to deploy the routes",
};

/** Waits until the snapshot is made. Throws a CliError with API Gateway's reason when it is not. */
async function deployed(aws: Aws, ApiId: string, created: Deployment): Promise<string> {
  const { DeploymentId } = complete(created, ["DeploymentId"]);
  const isMade = ({ DeploymentStatus }: Deployment) => DeploymentStatus !== "PENDING";
  const ended = isMade(created)
    ? created
    : await poll(() => aws.apigatewayv2.call("GetDeployment", { ApiId, DeploymentId }), isMade, polling, aws);
  if (ended.DeploymentStatus === "FAILED")
    throw new CliError(
      "deployment-failed",
      `API Gateway could not deploy the routes: ${ended.DeploymentStatusMessage}`,
    );
  return DeploymentId;
}
