import {
  CreateDeploymentCommand,
  GetApisCommand,
  GetIntegrationsCommand,
  UpdateIntegrationCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import {
  AddPermissionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetPolicyCommand,
  ListVersionsByFunctionCommand,
} from "@aws-sdk/client-lambda";
import type { Clients } from "./local-aws.ts";

const FunctionName = "shelfshack-websocket-proxy";

/** Makes of a deployed stack what stacks were before the alias: the API calls the function itself. */
export async function withoutAlias({ lambda, apigatewayv2 }: Clients, StageName = "dev"): Promise<void> {
  const { Policy = "" } = await lambda.send(new GetPolicyCommand({ FunctionName, Qualifier: "live" }));
  const [statement] = JSON.parse(Policy).Statement;
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "shelfshack-ws",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: statement.Condition.ArnLike["AWS:SourceArn"],
      SourceAccount: statement.Condition.StringEquals["AWS:SourceAccount"],
    }),
  );
  const { Items: [api] = [] } = await apigatewayv2.send(new GetApisCommand({}));
  const ApiId = api?.ApiId;
  const { Items: [integration] = [] } = await apigatewayv2.send(new GetIntegrationsCommand({ ApiId }));
  const { IntegrationId, IntegrationUri } = integration ?? {};
  await apigatewayv2.send(
    new UpdateIntegrationCommand({
      ApiId,
      IntegrationId,
      IntegrationUri: IntegrationUri?.replace(":live/", "/"),
    }),
  );
  const Description = "shelfshack-ws routes 0123456789abcdef";
  const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId, Description }));
  await apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName, DeploymentId }));
  await lambda.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
  const { Versions = [] } = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName }));
  for (const { Version } of Versions.filter((one) => one.Version !== "$LATEST"))
    await lambda.send(new DeleteFunctionCommand({ FunctionName, Qualifier: Version }));
}
