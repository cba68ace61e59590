import {
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { PutRolePolicyCommand } from "@aws-sdk/client-iam";
import type { Runtime } from "@aws-sdk/client-lambda";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { needs } from "../support/aws-clients.ts";
import { startTable } from "../support/dynamodb.ts";
import { until } from "../support/functions.ts";
import {
  invocationUri,
  makeApi,
  makeFunction,
  makeRole,
  openLocalAws,
  permit,
  policy,
  type AwsForTest,
} from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";
import { zipOf } from "../support/zip.ts";

/**
 * Functions that chat in the way of AWS's samples: ids of connections in DynamoDB, and an address from the
 * event. AWS's own files take their place where `CHAT_SAMPLES` names a folder with them: the functions of the
 * developer guide's tutorial under the names of their routes, such as `sendmessage.js`, and `lambda_chat.py`
 * of AWS's code examples.
 */
const folder = process.env["CHAT_SAMPLES"] ?? join(import.meta.dirname, "chat");

interface Chat {
  runtime: Runtime;
  /** Which files are its code. */
  files: RegExp;
  /** The handler of each route; those with the same one share a function. */
  handlers: Record<string, string>;
  /** The table's key. */
  key: string;
}

const node: Chat = {
  runtime: "nodejs24.x",
  files: /\.c?js$/,
  handlers: {
    $connect: "connect.handler",
    $disconnect: "disconnect.handler",
    $default: "default.handler",
    sendmessage: "sendmessage.handler",
  },
  key: "connectionId",
};

const pythonHandler = "lambda_chat.lambda_handler";
const python: Chat = {
  runtime: "python3.12",
  files: /\.py$/,
  handlers: { $connect: pythonHandler, $disconnect: pythonHandler, sendmessage: pythonHandler },
  key: "connection_id",
};

const filesOf = ({ files }: Chat) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => files.test(name))
      .map((name) => [name, readFileSync(join(folder, name))]),
  );

/** Makes what the samples' templates make; the URL of the stage, and what is in the table. */
async function deploy(chat: Chat) {
  const table = await startTable(chat.key);
  const aws = await openLocalAws({ packagesFrom: [import.meta.dirname] });
  const { ApiId, ApiEndpoint } = await makeApi(aws, { routes: [] });
  const functions = await functionsOf(aws, { chat, table: table.url, apiId: ApiId });
  for (const [RouteKey, handler] of Object.entries(chat.handlers)) {
    const integration = {
      ApiId,
      IntegrationType: "AWS_PROXY",
      IntegrationUri: functions.get(handler),
    } as const;
    const { IntegrationId } = await aws.apigatewayv2.send(new CreateIntegrationCommand(integration));
    const Target = `integrations/${IntegrationId}`;
    await aws.apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey, Target }));
  }
  const { DeploymentId } = await aws.apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await aws.apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "production", DeploymentId }));
  return { url: `${ApiEndpoint}/production`, items: table.items };
}

/** The functions by their handlers, as an integration names them. */
async function functionsOf(
  aws: AwsForTest,
  { chat, table, apiId }: { chat: Chat; table: string; apiId: string },
): Promise<Map<string, string>> {
  const Role = await makeRole(aws);
  const PolicyDocument = policy({ Action: "execute-api:ManageConnections", Resource: "*" });
  await aws.iam.send(
    new PutRolePolicyCommand({ RoleName: "proxy-role", PolicyName: "push", PolicyDocument }),
  );
  const Code = { ZipFile: await zipOf(filesOf(chat)) };
  const Variables = { TABLE_NAME: "chat", table_name: "chat", AWS_ENDPOINT_URL_DYNAMODB: table };
  const made = new Map<string, string>();
  for (const Handler of new Set(Object.values(chat.handlers))) {
    const FunctionName = Handler.replace(".", "-");
    const given = {
      FunctionName,
      Handler,
      Role,
      Code,
      Runtime: chat.runtime,
      Timeout: 30,
      Environment: { Variables },
    };
    made.set(Handler, invocationUri(await makeFunction(aws, given)));
    await permit(aws, { apiId, FunctionName });
  }
  return made;
}

/** Two people, of whom one speaks, also when a third was lost; then the other leaves. */
async function chatting(chat: Chat, { frame, received }: { frame: object; received: string }) {
  const { url, items } = await deploy(chat);
  const [ada, bob] = [await openSocket(`${url}?name=ada`), await openSocket(`${url}?name=bob`)];
  const [, idOfBob = ""] = items.keys();
  const say = () => ada.send(JSON.stringify({ action: "sendmessage", ...frame }));
  say();
  expect(await bob.next()).toBe(received);
  const lost = "Gone0fdGoAMCJXg=";
  items.set(lost, { [chat.key]: { S: lost } });
  say();
  expect(await bob.next()).toBe(received);
  bob.close();
  await until(() => !items.has(idOfBob));
  return ada;
}

test("people chat over a function per route in Node, by their connections in DynamoDB", async () => {
  const ada = await chatting(node, { frame: { message: "hello" }, received: "hello" });
  ada.send("who am I");
  expect(await ada.next()).toContain('"ConnectedAt":"');
});

test("people chat over one function in Python, by their connections in DynamoDB", async (context) => {
  needs(context, "python3", ["-c", "import boto3"]);
  await chatting(python, { frame: { msg: "hello" }, received: "ada: hello" });
});
