import { createHash } from "node:crypto";
import { CreateDeploymentCommand, GetDeploymentsCommand } from "@aws-sdk/client-apigatewayv2";
import { derived, everyPage, type Resource } from "../stack/resource.ts";
import type { ApiResource } from "./api.ts";
import type { IntegrationResource } from "./integration.ts";
import type { RouteResource } from "./route.ts";

interface DeploymentProperties {
  ApiId: string;
  Description: string;
}
type DeploymentAttributes = { DeploymentId: string };

const PREFIX = "shelfshack-ws routes ";

/**
 * A snapshot of the routes and integrations, which is what a stage serves (aws-behaviour 3.4). It cannot be changed, so its description
 * keeps a hash of what it was made of: when that differs from the routes of today, a new one is made.
 */
export function deployment(needs: {
  api: ApiResource;
  integration: IntegrationResource;
  connect: RouteResource;
  disconnect: RouteResource;
  standard: RouteResource;
}): Resource<DeploymentProperties, DeploymentAttributes, typeof needs> {
  return {
    id: "Deployment",
    type: "AWS::ApiGatewayV2::Deployment",
    name: "of the routes",
    needs,
    within: needs.api,
    exclusive: "api",

    // Every route is as we want it by then: what a snapshot of them is made of is the integration that they point to.
    desired: ({ api: { ApiId }, integration: { IntegrationId } }) => ({
      ApiId,
      Description: derived([IntegrationId], ([id]) => PREFIX + hash([id, needs.connect.name, needs.disconnect.name, needs.standard.name])),
    }),

    async read(aws, { ApiId = "" }) {
      const items = await everyPage((NextToken) =>
        aws.apigatewayv2.send(new GetDeploymentsCommand({ ApiId, NextToken, MaxResults: "100" })),
      );
      const ours = items.filter(({ Description }) => Description?.startsWith(PREFIX));
      // Dates have whole seconds; of two in the same second the one listed later is the newer one.
      const newest = ours.toReversed().toSorted((one, other) => Number(other.CreatedDate) - Number(one.CreatedDate))[0];
      return (
        newest && { attributes: { DeploymentId: newest.DeploymentId ?? "" }, properties: { ApiId, Description: newest.Description ?? "" } }
      );
    },

    async create(aws, desired) {
      const { DeploymentId = "" } = await aws.apigatewayv2.send(new CreateDeploymentCommand(desired));
      return { DeploymentId };
    },
  };
}

export type DeploymentResource = ReturnType<typeof deployment>;

const hash = (targets: readonly unknown[]): string => createHash("sha256").update(JSON.stringify(targets)).digest("hex").slice(0, 16);
