import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { awsCli, folderOf, needs, python } from "../support/aws-clients.ts";
import { invocationUri, lambdaTrust, openLocalAws, policy } from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";
import { zipOf } from "../support/zip.ts";

/** A folder with the zip that the steps upload: a Python function, as the steps by hand have it. */
async function workFolder(): Promise<string> {
  const source = `import json
def lambda_handler(event, context):
    print("route", event["requestContext"]["routeKey"])
    return {"statusCode": 200, "body": json.dumps({"said": event.get("body")})}
`;
  return await folderOf({ "websocket_proxy.zip": await zipOf({ "lambda_function.py": source }) });
}

test(
  "the aws CLI makes the whole stack by hand, reads it back and removes it",
  { timeout: 600_000 },
  async (context) => {
    needs(context, "aws", ["--version"]);
    const aws = await openLocalAws({ pageSize: 2 });
    const cli = awsCli(aws, await workFolder());
    const managed =
      "--role-name r --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    const inline = "--role-name r --policy-name WebSocketAPIPermissions";
    const push = policy({
      Action: "execute-api:ManageConnections",
      Resource: "arn:aws:execute-api:*:*:*/*/@connections/*",
    });
    const { Role } = await cli(`iam create-role --role-name r --assume-role-policy-document ${lambdaTrust}`);
    const { Arn: role } = Role as { Arn: string };
    await Promise.all([
      cli(`iam attach-role-policy ${managed}`),
      cli(`iam put-role-policy ${inline} --policy-document ${push}`),
    ]);
    expect(await cli(`iam get-role-policy ${inline}`)).toMatchObject({
      PolicyDocument: JSON.parse(push) as object,
    });

    const code =
      "--zip-file fileb://websocket_proxy.zip --runtime python3.12 --handler lambda_function.lambda_handler";
    const named = "--function-name f";
    await cli(`lambda create-function ${named} --role ${role} ${code} --timeout 30 --memory-size 256`);
    await cli(`lambda wait function-active-v2 ${named}`);
    await cli(
      `lambda update-function-configuration ${named} ` +
        "--environment Variables={BACKEND_URL=http://127.0.0.1:1}",
    );
    await cli(`lambda wait function-updated-v2 ${named}`);

    const selection = "--route-selection-expression $request.body.action";
    const { ApiId, ApiEndpoint } = await cli(
      `apigatewayv2 create-api --name ws --protocol-type WEBSOCKET ${selection}`,
    );
    const api = `--api-id ${String(ApiId)}`;
    const uri = invocationUri("arn:aws:lambda:us-east-1:000000000000:function:f");
    const target = `--integration-type AWS_PROXY --integration-method POST --integration-uri ${uri}`;
    const { IntegrationId } = await cli(`apigatewayv2 create-integration ${api} ${target}`);
    const routes = ["$connect", "$disconnect", "$default"].map((key) =>
      cli(
        `apigatewayv2 create-route ${api} --route-key ${key} --target integrations/${String(IntegrationId)}`,
      ),
    );
    const [, , { RouteId } = {}] = await Promise.all(routes);
    await cli(
      `apigatewayv2 create-route-response ${api} --route-id ${String(RouteId)} --route-response-key $default`,
    );
    const { DeploymentId } = await cli(`apigatewayv2 create-deployment ${api}`);
    const allowed =
      "--statement-id gateway --action lambda:InvokeFunction --principal apigateway.amazonaws.com";
    await Promise.all([
      cli(`apigatewayv2 create-stage ${api} --stage-name dev --deployment-id ${String(DeploymentId)}`),
      cli(
        `lambda add-permission ${named} ${allowed} ` +
          `--source-arn arn:aws:execute-api:us-east-1:000000000000:${String(ApiId)}/*/*`,
      ),
    ]);

    const socket = await openSocket(`${String(ApiEndpoint)}/dev`);
    socket.send("hello");
    expect(JSON.parse(await socket.next())).toEqual({ said: "hello" });

    const [listed, logged, caller] = await Promise.all([
      cli(`apigatewayv2 get-routes ${api}`),
      cli("logs filter-log-events --log-group-name /aws/lambda/f --filter-pattern route"),
      cli("sts get-caller-identity"),
    ]);
    expect(listed["Items"]).toHaveLength(3);
    expect(logged).toMatchObject({
      events: [{ message: "route $connect\n" }, { message: "route $default\n" }],
    });
    expect(caller).toMatchObject({ Account: "000000000000" });
    await Promise.all([
      expect(cli("lambda get-function --function-name none")).rejects.toMatchObject({
        stderr: expect.stringContaining(
          "(ResourceNotFoundException) when calling the GetFunction operation: Function not found",
        ),
      }),
      expect(cli("iam get-role --role-name none")).rejects.toMatchObject({
        stderr: expect.stringContaining("(NoSuchEntity)"),
      }),
    ]);

    const removals = [
      `apigatewayv2 delete-api ${api}`,
      `iam delete-role-policy ${inline}`,
      `iam detach-role-policy ${managed}`,
    ];
    await Promise.all(removals.map(cli));
    await Promise.all(["iam delete-role --role-name r", `lambda delete-function ${named}`].map(cli));
    await cli("logs delete-log-group --log-group-name /aws/lambda/f");
    expect((await socket.closed()).code).toBe(1001);
  },
);

test(
  "boto3 reads what it wrote, follows pages, and names errors as AWS does",
  { timeout: 120_000 },
  async (context) => {
    needs(context, "python3", ["-c", "import boto3"]);
    const aws = await openLocalAws({ pageSize: 2 });
    const cwd = await workFolder();
    const seen = await python(aws, { script: boto3Script, cwd });
    const zip = await readFile(join(cwd, "websocket_proxy.zip"));
    expect(seen).toEqual({
      trust: JSON.parse(lambdaTrust) as object,
      state: "Active",
      codeSize: zip.length,
      answer: { statusCode: 200, body: '{"said": "hi"}' },
      logHasReport: true,
      functions: ["a", "b", "f"],
      policyStatements: 1,
      duplicate: ["ResourceConflictException", 409, "Function already exist: f"],
      gone: ["GoneException", 410],
      events: ["one", "two"],
      tail: ["three"],
      tags: { app: "ws" },
    });
  },
);

const boto3Script = `
import base64, json, os, threading, time
import boto3
from botocore.exceptions import ClientError

trust = json.loads('''${lambdaTrust}''')
iam, fn, gw, logs = (boto3.client(name) for name in ("iam", "lambda", "apigatewayv2", "logs"))
seen = {}

role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
seen["trust"] = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
code = open("websocket_proxy.zip", "rb").read()
def create(name):
    return fn.create_function(FunctionName=name, Role=role, Runtime="python3.12",
                              Handler="lambda_function.lambda_handler",
                              Code={"ZipFile": code}, Tags={"app": "ws"})
for name in ("a", "b", "f"):
    create(name)
fn.get_waiter("function_active_v2").wait(FunctionName="f")
configuration = fn.get_function(FunctionName="f")["Configuration"]
seen["state"], seen["codeSize"] = configuration["State"], configuration["CodeSize"]
event = {"requestContext": {"routeKey": "$default"}, "body": "hi"}
answer = fn.invoke(FunctionName="f", Payload=json.dumps(event), LogType="Tail")
seen["answer"] = json.load(answer["Payload"])
seen["logHasReport"] = "REPORT RequestId" in base64.b64decode(answer["LogResult"]).decode()
listed = fn.get_paginator("list_functions").paginate()
seen["functions"] = [f["FunctionName"] for page in listed for f in page["Functions"]]
fn.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction",
                  Principal="apigateway.amazonaws.com")
seen["policyStatements"] = len(json.loads(fn.get_policy(FunctionName="f")["Policy"])["Statement"])
try:
    create("f")
except ClientError as error:
    refused, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    seen["duplicate"] = [refused["Code"], status, refused["Message"]]

api = gw.create_api(Name="ws", ProtocolType="WEBSOCKET", Tags={"app": "ws"},
                    RouteSelectionExpression="$request.body.action")
arn = "arn:aws:apigateway:us-east-1::/apis/" + api["ApiId"]
seen["tags"] = gw.get_tags(ResourceArn=arn)["Tags"]
gw.create_route(ApiId=api["ApiId"], RouteKey="$default")
deployment = gw.create_deployment(ApiId=api["ApiId"])["DeploymentId"]
gw.create_stage(ApiId=api["ApiId"], StageName="dev", DeploymentId=deployment)
stage = os.environ["AWS_ENDPOINT_URL"] + "/" + api["ApiId"] + "/dev"
management = boto3.client("apigatewaymanagementapi", endpoint_url=stage)
try:
    management.post_to_connection(ConnectionId="L0SM9cOFIAMCJPw=", Data=b"hi")
except ClientError as error:
    seen["gone"] = [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]

logs.create_log_group(logGroupName="g")
logs.create_log_stream(logGroupName="g", logStreamName="s")
def write(*messages):
    events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
write("one", "two")
found = logs.get_paginator("filter_log_events").paginate(logGroupName="g")
seen["events"] = [e["message"] for page in found for e in page["events"]]
group = logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["logGroupArn"]
tailing = boto3.client("logs", config=boto3.session.Config(inject_host_prefix=False))
for event in tailing.start_live_tail(logGroupIdentifiers=[group])["responseStream"]:
    if "sessionStart" in event:
        write("three")
    elif event["sessionUpdate"]["sessionResults"]:
        seen["tail"] = [e["message"] for e in event["sessionUpdate"]["sessionResults"]]
        break
print(json.dumps(seen))
`;
