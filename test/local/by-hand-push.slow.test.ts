import { build } from "esbuild";
import { expect, test } from "vitest";
import { folderOf, needs, python } from "../support/aws-clients.ts";
import { invocationUri, lambdaTrust, openLocalAws, policy } from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";
import { zipOf } from "../support/zip.ts";

/**
 * Says the message back through `@connections`, as the function of the steps by hand does, and returns no
 * body.
 */
const pythonFunction = `import json
import os
import boto3

management = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["API_GATEWAY_ENDPOINT"])

def lambda_handler(event, context):
    at = event["requestContext"]
    if at["eventType"] == "MESSAGE":
        answer = {"connectionId": at["connectionId"], "said": event["body"]}
        management.post_to_connection(ConnectionId=at["connectionId"], Data=json.dumps(answer).encode())
    return {"statusCode": 200}
`;
const nodeFunction = `import * as sdk from "@aws-sdk/client-apigatewaymanagementapi";
const management = new sdk.ApiGatewayManagementApiClient({ endpoint: process.env.API_GATEWAY_ENDPOINT });
export const handler = async ({ requestContext: { eventType, connectionId }, body: said }) => {
  const Data = JSON.stringify({ connectionId, said });
  if (eventType === "MESSAGE")
    await management.send(new sdk.PostToConnectionCommand({ ConnectionId: connectionId, Data }));
  return { statusCode: 200 };
};`;

/** The SDK is part of Lambda's Node, and not of this machine's. */
async function bundled(contents: string): Promise<Uint8Array> {
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    platform: "node",
    format: "cjs",
    minify: true,
    write: false,
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** The steps by hand, from the role to the permission. Prints the id of the API. */
const steps = `
import json, sys
import boto3

runtime, handler = sys.argv[1:]
iam, fn, gw = (boto3.client(name) for name in ("iam", "lambda", "apigatewayv2"))
role = iam.create_role(RoleName="r", AssumeRolePolicyDocument='''${lambdaTrust}''')["Role"]["Arn"]
permissions = '''${policy({ Action: ["execute-api:ManageConnections", "logs:*"], Resource: "*" })}'''
iam.put_role_policy(RoleName="r", PolicyName="WebSocketAPIPermissions", PolicyDocument=permissions)
code = open("websocket_proxy.zip", "rb").read()
properties = dict(Role=role, Runtime=runtime, Handler=handler, Timeout=30, MemorySize=256)
arn = fn.create_function(FunctionName="f", Code={"ZipFile": code}, **properties)["FunctionArn"]
fn.get_waiter("function_active_v2").wait(FunctionName="f")

action = "$request.body.action"
api = gw.create_api(Name="ws", ProtocolType="WEBSOCKET", RouteSelectionExpression=action)["ApiId"]
uri = "${invocationUri("FUNCTION")}".replace("FUNCTION", arn)
proxy = dict(IntegrationType="AWS_PROXY", IntegrationMethod="POST", IntegrationUri=uri)
integration = gw.create_integration(ApiId=api, **proxy)["IntegrationId"]
for route in ("$connect", "$disconnect", "$default"):
    gw.create_route(ApiId=api, RouteKey=route, Target="integrations/" + integration)
deployment = gw.create_deployment(ApiId=api)["DeploymentId"]
gw.create_stage(ApiId=api, StageName="dev", DeploymentId=deployment)
fn.add_permission(FunctionName="f", StatementId="gateway", Action="lambda:InvokeFunction",
                  Principal="apigateway.amazonaws.com",
                  SourceArn="arn:aws:execute-api:us-east-1:000000000000:" + api + "/*/*")
variables = {"API_GATEWAY_ENDPOINT": fn.meta.endpoint_url + "/" + api + "/dev"}
fn.update_function_configuration(FunctionName="f", Environment={"Variables": variables})
fn.get_waiter("function_updated_v2").wait(FunctionName="f")
print(json.dumps(api))
`;

/** What a caller besides the function does with a connection: sends to it, reads it, ends it. */
const fromOutside = `
import json, sys
import boto3

endpoint, connection = sys.argv[1:]
management = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
management.post_to_connection(ConnectionId=connection, Data="grüße".encode())
found = management.get_connection(ConnectionId=connection)
management.delete_connection(ConnectionId=connection)
try:
    management.post_to_connection(ConnectionId=connection, Data=b"late")
except management.exceptions.GoneException as error:
    gone = error.response["ResponseMetadata"]["HTTPStatusCode"]
times = found["ConnectedAt"] <= found["LastActiveAt"]
print(json.dumps({"sourceIp": found["Identity"]["SourceIp"], "times": times, "gone": gone}))
`;

const functions = [
  {
    runtime: "python3.12",
    handler: "lambda_function.lambda_handler",
    files: () => ({ "lambda_function.py": pythonFunction }),
  },
  {
    runtime: "nodejs24.x",
    handler: "index.handler",
    files: async () => ({ "index.js": await bundled(nodeFunction) }),
  },
];

test.for(functions)(
  "boto3 makes the stack by hand; the function in $runtime and a caller with permission can push",
  { timeout: 60_000 },
  async ({ runtime, handler, files }, context) => {
    needs(context, "python3", ["-c", "import boto3"]);
    const aws = await openLocalAws();
    const cwd = await folderOf({ "websocket_proxy.zip": await zipOf(await files()) });
    const apiId = (await python(aws, { script: steps, cwd, args: [runtime, handler] })) as string;
    const socket = await openSocket(`ws://127.0.0.1:${aws.port}/${apiId}/dev`);
    socket.send("hello");
    const { connectionId, said } = JSON.parse(await socket.next()) as { connectionId: string; said: string };
    expect(said).toBe("hello");
    const seen = await python(aws, {
      script: fromOutside,
      cwd,
      args: [`${aws.url}/${apiId}/dev`, connectionId],
    });
    expect(seen).toEqual({ sourceIp: "127.0.0.1", times: true, gone: 410 });
    expect(await socket.next()).toBe("grüße");
    expect((await socket.closed()).code).toBe(1000);
  },
);

const readBack = `
import json
import boto3

iam, fn, gw, logs = (boto3.client(name) for name in ("iam", "lambda", "apigatewayv2", "logs"))
api = gw.get_apis()["Items"][0]
routes = gw.get_routes(ApiId=api["ApiId"])["Items"]
integration = gw.get_integrations(ApiId=api["ApiId"])["Items"][0]
stage = gw.get_stages(ApiId=api["ApiId"])["Items"][0]
function = fn.list_functions()["Functions"][0]
role = iam.list_roles()["Roles"][0]
permitted = fn.get_policy(FunctionName=function["FunctionName"], Qualifier="live")
statements = json.loads(permitted["Policy"])["Statement"]
group = logs.describe_log_groups()["logGroups"][0]
print(json.dumps({
    "api": [api["Name"], api["ProtocolType"]],
    "routes": sorted(route["RouteKey"] for route in routes),
    "targets": all(route["Target"] == "integrations/" + integration["IntegrationId"] for route in routes),
    "calls": function["FunctionArn"] in integration["IntegrationUri"],
    "permits": any(api["ApiId"] in one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in statements),
    "deployed": gw.get_deployment(ApiId=api["ApiId"], DeploymentId=stage["DeploymentId"])["DeploymentStatus"],
    "role": role["Arn"] == function["Role"],
    "policies": len(iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]),
    "log": [group["logGroupName"] == "/aws/lambda/" + function["FunctionName"], group["retentionInDays"]],
}))
`;
import { openTestStack } from "../support/stack.ts";

test("a stack that the program deployed is read back by boto3", { timeout: 60_000 }, async (context) => {
  needs(context, "python3", ["-c", "import boto3"]);
  const aws = await openLocalAws();
  await (await openTestStack(aws.url)).deploy();
  expect(await python(aws, { script: readBack, cwd: await folderOf({}) })).toEqual({
    api: ["shelfshack-websocket-api", "WEBSOCKET"],
    routes: ["$connect", "$default", "$disconnect"],
    targets: true,
    calls: true,
    permits: true,
    deployed: "DEPLOYED",
    role: true,
    policies: 1,
    log: [true, 30],
  });
});
