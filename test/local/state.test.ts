import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { GetRoutesCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand, ListTagsLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import {
  InvokeCommand,
  ListFunctionsCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { clientsFor, makeApi, makeFunction, openLocalAws } from "../support/local-aws.ts";

test("a state folder keeps everything over a restart, and is for its owner's eyes only", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "local-aws-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true }));
  const before = await startLocalAws({ stateFolder });
  const made = clientsFor(before.url);
  const functionArn = await makeFunction(made, { source: "export const handler = async () => 42;" });
  const { ApiId } = await makeApi(made, { functionArn });
  await before.close();
  expect((await stat(join(stateFolder, "local-aws.state"))).mode & 0o777).toBe(0o600);

  const after = await openLocalAws({ stateFolder });
  const answered = await after.lambda.send(new InvokeCommand({ FunctionName: "proxy" }));
  expect(answered.Payload?.transformToString()).toBe("42");
  expect((await after.apigatewayv2.send(new GetRoutesCommand({ ApiId }))).Items).toMatchObject([
    { RouteKey: "$default" },
  ]);
  expect((await after.iam.send(new ListRolesCommand({}))).Roles).toHaveLength(1);
});

test("a state folder of format 1, one object for all services, is read and written in format 2", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "local-aws-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true }));
  const file = join(stateFolder, "local-aws.state");
  const before = await startLocalAws({ stateFolder });
  const made = clientsFor(before.url);
  const functionArn = await makeFunction(made);
  const { ApiId } = await makeApi(made, { functionArn });
  await made.logs.send(new CreateLogGroupCommand({ logGroupName: "g", tags: { a: "b" } }));
  await before.close();

  const { services } = deserialize(await readFile(file)) as { services: Map<string, Map<string, State>> };
  const regionOf = (service: string) => services.get(service)?.get("us-east-1") ?? {};
  const logGroups = regionOf("logs")["groups"];
  const region = { ...regionOf("lambda"), ...regionOf("apigateway"), logGroups };
  const state = { ...services.get("iam")?.get("global"), regions: new Map([["us-east-1", region]]) };
  await writeFile(file, serialize({ format: 1, state }));

  const after = await startLocalAws({ stateFolder });
  const { iam, lambda, apigatewayv2, logs } = clientsFor(after.url);
  expect((await iam.send(new ListRolesCommand({}))).Roles).toMatchObject([{ RoleName: "proxy-role" }]);
  expect((await lambda.send(new ListFunctionsCommand({}))).Functions).toMatchObject([
    { FunctionArn: functionArn },
  ]);
  expect((await apigatewayv2.send(new GetRoutesCommand({ ApiId }))).Items).toHaveLength(1);
  expect((await logs.send(new ListTagsLogGroupCommand({ logGroupName: "g" }))).tags).toEqual({ a: "b" });
  await after.close();
  const saved = deserialize(await readFile(file)) as { format: number; services: typeof services };
  expect(saved.format).toBe(2);
  expect([...saved.services.keys()].toSorted()).toEqual([...services.keys()].toSorted());
});

type State = Record<string, unknown>;

/** A folder with what a running local AWS has saved: a function with a variable. */
async function savedWith(variables: Record<string, string>): Promise<string> {
  const stateFolder = await mkdtemp(join(tmpdir(), "local-aws-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true }));
  const local = await startLocalAws({ stateFolder });
  const made = clientsFor(local.url);
  await makeFunction(made, { source: "export const handler = async () => process.env;" });
  await made.lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: "proxy", Environment: { Variables: variables } }),
  );
  await local.close();
  return stateFolder;
}

test("F-01 variables that give orders are not taken from a state folder, and named", async () => {
  const stateFolder = await savedWith({ NODE_OPTIONS: "--no-warnings", LD_PRELOAD: "/x.so", OWN: "1" });
  const told: string[] = [];
  const after = await openLocalAws({
    stateFolder,
    onLog: (entries) => told.push(...entries.map(({ message }) => message)),
  });
  const { Payload } = await after.lambda.send(new InvokeCommand({ FunctionName: "proxy" }));
  const seen = JSON.parse(Payload?.transformToString() ?? "") as Record<string, string>;
  expect([seen["OWN"], seen["NODE_OPTIONS"], seen["LD_PRELOAD"]]).toEqual(["1", undefined, undefined]);
  expect(told.filter((line) => line.includes("NODE_OPTIONS"))).toHaveLength(1);
});

test("F-04 the state is written through no link and kept in no folder that others may write", async () => {
  const place = await mkdtemp(join(tmpdir(), "local-aws-state-"));
  onTestFinished(() => rm(place, { recursive: true }));
  const target = join(place, "target");
  await writeFile(target, "before");
  const stateFolder = join(place, "state");
  await mkdir(stateFolder, { mode: 0o700 });
  for (const name of ["local-aws.state.new", `local-aws.pid.${process.pid}`])
    await symlink(target, join(stateFolder, name));
  await (await startLocalAws({ stateFolder })).close();
  expect(await readFile(target, "utf8")).toBe("before");

  for (const name of ["local-aws.state", "local-aws.pid"]) {
    await rm(join(stateFolder, name), { force: true });
    await symlink(target, join(stateFolder, name));
    await expect(startLocalAws({ stateFolder })).rejects.toMatchObject({ code: "file-unusable" });
    await rm(join(stateFolder, name));
  }
  expect(await readFile(target, "utf8")).toBe("before");
  await chmod(stateFolder, 0o777);
  await expect(startLocalAws({ stateFolder })).rejects.toMatchObject({
    code: "state-untrusted",
    exitCode: 2,
  });
  await chmod(stateFolder, 0o700);
  await symlink(stateFolder, join(place, "link"));
  await expect(startLocalAws({ stateFolder: join(place, "link") })).rejects.toMatchObject({
    code: "state-untrusted",
  });
});

test("a state file that cannot be read is reported and kept", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "local-aws-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true }));
  const file = join(stateFolder, "local-aws.state");
  await writeFile(file, "something else");
  await expect(startLocalAws({ stateFolder })).rejects.toMatchObject({
    name: "CliError",
    exitCode: 2,
    message: `the state in ${file} cannot be read`,
  });
  expect(await readFile(file, "utf8")).toBe("something else");
});
