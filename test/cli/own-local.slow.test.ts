import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { needs } from "../support/aws-clients.ts";
import { start } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A folder with these files, removed with the test. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "own-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A `local` with own code, and a client of its stage. */
async function localWith(options: readonly string[], cwd: string) {
  const local = start(["local", "--port", "0", "--json", "--fresh", ...options], { input: null, cwd });
  const said = await local.says(/"kind":"ready".*\n/);
  const ready = said.split("\n").find((text) => text.includes('"kind":"ready"')) ?? "";
  const { url, demoBackend } = JSON.parse(ready) as { url: string; demoBackend: boolean };
  expect(demoBackend).toBe(false);
  const socket = await openSocket(url);
  const ask = async (text: string) => {
    socket.send(text);
    return await socket.next();
  };
  return { local, ask };
}

/** Answers by way of the address in its event, as AWS's own examples do. */
const pushing = (greeting: string) => `
import * as sdk from "@aws-sdk/client-apigatewaymanagementapi";
export const handler = async ({ requestContext: { routeKey, domainName, stage, connectionId }, body }) => {
  if (routeKey !== "$default") return { statusCode: 200 };
  const client = new sdk.ApiGatewayManagementApiClient({ endpoint: \`https://\${domainName}/\${stage}\` });
  await client.send(
    new sdk.PostToConnectionCommand({ ConnectionId: connectionId, Data: "${greeting} " + body }),
  );
  return { statusCode: 200 };
};`;

test("a Node function pushes over TLS with the project's SDK, and is deployed again", async () => {
  const source = folderWith({ "index.mjs": pushing("hello") });
  const { local, ask } = await localWith(["--source", source], root);
  expect(await ask("you")).toBe("hello you");
  writeFileSync(join(source, "index.mjs"), "broken(");
  await local.says("does not start, the previous one keeps running");
  expect(await ask("still")).toBe("hello still");
  writeFileSync(join(source, "index.mjs"), pushing("howdy"));
  await local.says('"kind":"redeployed","changed":true');
  expect(await ask("you")).toBe("howdy you");
});

test("a Python function made by hand pushes over TLS with this machine's boto3", async (context) => {
  needs(context, "python3", ["-c", "import boto3"]);
  const version = execFileSync("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  const source = folderWith({
    "lambda_function.py": `
import boto3

def lambda_handler(event, context):
    request = event["requestContext"]
    if request["routeKey"] == "$default":
        url = f"https://{request['domainName']}/{request['stage']}"
        client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
        data = b"hello " + event["body"].encode()
        client.post_to_connection(ConnectionId=request["connectionId"], Data=data)
    return {"statusCode": 200}
`,
    "README.md": "",
  });
  const runtime = `python${version.toString().trim()}`;
  const how = ["--runtime", runtime, "--handler", "lambda_function.lambda_handler"];
  const { ask } = await localWith(["--source", source, ...how], source);
  expect(await ask("you")).toBe("hello you");
});

test("what Lambda brings and this machine has not is said with how it is installed", async () => {
  const source = folderWith({ "index.mjs": 'import "@aws-sdk/client-nothing";\nexport const handler = 1;' });
  const local = start(["local", "--port", "0", "--fresh", "--source", source], { input: null, cwd: source });
  await local.says("npm install --save-dev @aws-sdk/client-nothing");
});
