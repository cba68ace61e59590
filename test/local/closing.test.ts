import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test, vi } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { clientsFor, makeFunction, makeRole, refusal } from "../support/local-aws.ts";
import { upgradeRequest } from "../support/raw-socket.ts";

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "local-aws-closing-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test("functions that cannot be started are reported and retried; state and port are kept", async () => {
  const stateFolder = await emptyFolder();
  const logged: string[] = [];
  const aws = await startLocalAws({
    stateFolder,
    onLog: (entries) => logged.push(...entries.map(({ message }) => message)),
  });
  onTestFinished(() => aws.close());
  const clients = clientsFor(aws.url);
  await makeFunction(clients, { source: "export const handler = async () => 42;" });
  const invoke = () => clients.lambda.send(new InvokeCommand({ FunctionName: "proxy", Payload: "{}" }));
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("TMPDIR", join(stateFolder, "not-there"));
  const why = /^could not start the local runtime: ENOENT/;
  expect(await refusal(invoke())).toEqual({
    name: "ServiceException",
    status: 500,
    message: expect.stringMatching(why),
  });
  expect(logged).toEqual([expect.stringMatching(why)]);
  vi.unstubAllEnvs();
  expect((await invoke()).Payload?.transformToString()).toBe("42");
  await aws.close();

  const again = await startLocalAws({ stateFolder, port: aws.port });
  onTestFinished(() => again.close());
  expect((await clientsFor(again.url).iam.send(new ListRolesCommand({}))).Roles).toHaveLength(1);
});

test("a bug that was not reported is thrown by close, when everything else is done", async () => {
  const stateFolder = await emptyFolder();
  const aws = await startLocalAws({ stateFolder });
  const clients = clientsFor(aws.url);
  await makeFunction(clients);
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("TMPDIR", join(stateFolder, "not-there"));
  await clients.lambda.send(new InvokeCommand({ FunctionName: "proxy" })).catch(() => undefined);
  vi.unstubAllEnvs();
  await expect(aws.close()).rejects.toThrow(/^could not start the local runtime/);
  expect(await readdir(stateFolder)).toEqual(["local-aws.state"]);
});

test("a state that cannot be saved is thrown by close, when everything else is done", async () => {
  const stateFolder = await emptyFolder();
  const aws = await startLocalAws({ stateFolder });
  await mkdir(join(stateFolder, "local-aws.state", "in-the-way"), { recursive: true });
  await expect(aws.close()).rejects.toThrow(/local-aws\.state/);
  expect(await readdir(stateFolder)).not.toContain("local-aws.pid");
  const again = await startLocalAws({ port: aws.port });
  await again.close();
});

test("close does not wait for a refused client that keeps its half of the connection open", async () => {
  const aws = await startLocalAws();
  const client = connect({ port: aws.port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void client.destroy());
  client.write(upgradeRequest("/abcdefghij/dev", { Host: "evil.example" }));
  const answer = await new Promise<string>((resolve) =>
    client.once("data", (data) => resolve(data.toString())),
  );
  expect(answer).toMatch(
    /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\{"message":"the local AWS does not serve .*"\}$/,
  );
  await aws.close();
});

test("two local AWS never share a state folder", async () => {
  const stateFolder = await emptyFolder();
  const first = await startLocalAws({ stateFolder });
  await expect(startLocalAws({ stateFolder })).rejects.toMatchObject({
    name: "CliError",
    exitCode: 2,
    message: `the state in ${stateFolder} is in use by another local AWS, process ${process.pid}`,
    hint: expect.stringContaining(join(stateFolder, "local-aws.pid")),
  });
  await makeRole(clientsFor(first.url));
  await first.close();
  const second = await startLocalAws({ stateFolder });
  expect((await clientsFor(second.url).iam.send(new ListRolesCommand({}))).Roles).toHaveLength(1);
  await expect(startLocalAws({ stateFolder: await emptyFolder(), port: second.port })).rejects.toThrow(
    "in use",
  );
  await second.close();
  expect(existsSync(join(stateFolder, "local-aws.pid"))).toBe(false);
});

test.each([
  ["is no more", "999999999"],
  ["had our number", String(process.pid)],
  ["was killed before it wrote its number", ""],
  ["wrote no number of a process", "-1"],
])("a state folder that was left by a process which %s is taken over", async (_what, lock) => {
  const stateFolder = await emptyFolder();
  await writeFile(join(stateFolder, "local-aws.pid"), lock);
  const aws = await startLocalAws({ stateFolder });
  await aws.close();
  expect(await readdir(stateFolder)).toEqual(["local-aws.state"]);
});

test("of several that find an abandoned folder, one gets it", async () => {
  const stateFolder = await emptyFolder();
  await writeFile(join(stateFolder, "local-aws.pid"), "");
  const starts = await Promise.allSettled(Array.from({ length: 5 }, () => startLocalAws({ stateFolder })));
  const started = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  await Promise.all(started.map(({ close }) => close()));
  expect(starts.map(({ status }) => status).toSorted()).toEqual([
    "fulfilled",
    ...Array<string>(4).fill("rejected"),
  ]);
  expect(await readdir(stateFolder)).toEqual(["local-aws.state"]);
});

test("a state folder is free again when the start failed for another reason", async () => {
  const stateFolder = await emptyFolder();
  const other = await startLocalAws();
  await expect(startLocalAws({ stateFolder, port: other.port })).rejects.toThrow(
    `port ${other.port} is in use`,
  );
  await other.close();
  await writeFile(join(stateFolder, "local-aws.state"), "something else");
  await expect(startLocalAws({ stateFolder })).rejects.toThrow("cannot be read");
  await expect(startLocalAws({ stateFolder })).rejects.toThrow("cannot be read");
});
