import { CreateStageCommand, GetStageCommand, UpdateStageCommand } from "@aws-sdk/client-apigatewayv2";
import { orMissing, type Resource, type Tags } from "../stack/resource.ts";
import type { ApiResource } from "./api.ts";
import type { DeploymentResource } from "./deployment.ts";

interface StageProperties {
  ApiId: string;
  StageName: string;
  DeploymentId: string;
}

/**
 * The stage that clients connect to. It serves a deployment's snapshot: one that serves an old deployment is stale.
 * No throttling is set: sent as 0 it would refuse every handshake with 429 (aws-behaviour 3.6).
 */
export function stage(
  { name, tags }: { name: string; tags: Tags },
  needs: { api: ApiResource; deployment: DeploymentResource },
): Resource<StageProperties, { StageName: string }, typeof needs> {
  return {
    id: "Stage",
    type: "AWS::ApiGatewayV2::Stage",
    name,
    needs,
    within: needs.api,
    exclusive: "api",
    desired: ({ api: { ApiId }, deployment: { DeploymentId } }) => ({ ApiId, StageName: name, DeploymentId }),

    async read(aws, { ApiId = "" }) {
      const found = await orMissing(aws.apigatewayv2.send(new GetStageCommand({ ApiId, StageName: name })));
      return found && { attributes: { StageName: name }, properties: { ApiId, StageName: name, DeploymentId: found.DeploymentId ?? "" } };
    },

    async create(aws, desired) {
      await aws.apigatewayv2.send(new CreateStageCommand({ ...desired, Tags: { ...tags } }));
      return { StageName: name };
    },

    async update(aws, _found, { ApiId, StageName, DeploymentId }) {
      await aws.apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName, DeploymentId }));
    },
  };
}
