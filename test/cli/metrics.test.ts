import { GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { openLocalAws } from "../support/local-aws.ts";
import { needsTerminal, run, start } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { openTestStack } from "../support/stack.ts";

const FunctionName = "shelfshack-websocket-proxy";

interface Metric {
  name: string;
  total: number | null;
  latest: number | null;
  values: (number | null)[];
}

test("metrics are those of the stack's function, and say so where nothing is deployed", async () => {
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  const nothing = await run(["metrics", "--json"], { env });
  expect([nothing.code, JSON.parse(nothing.stdout)]).toMatchObject([0, { apiId: null, metrics: [] }]);
  await (await openTestStack(local.url)).deploy();
  for (let call = 0; call < 2; call += 1) await local.lambda.send(new InvokeCommand({ FunctionName }));
  const api = (await local.apigatewayv2.send(new GetApisCommand({}))).Items?.[0];
  const socket = await openSocket(`${api?.ApiEndpoint}/dev`);
  socket.close();

  const { code, stdout } = await run(["metrics", "--since", "2h", "--json"], { env });
  const { metrics, periodSeconds } = JSON.parse(stdout) as { metrics: Metric[]; periodSeconds: number };
  const found = new Map(metrics.map((metric) => [metric.name, metric]));
  expect([code, periodSeconds]).toEqual([0, 300]);
  expect(found.get("invocations")?.total).toBeGreaterThanOrEqual(3);
  // The last period is not over yet.
  expect(found.get("invocations")?.latest).toBe(found.get("invocations")?.values.at(-2));
  expect([found.get("connects")?.total, found.get("integrationErrors")?.total]).toEqual([1, 0]);
  expect(found.get("durationP95")?.values.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => null));

  const told = await run(["metrics"], { env });
  expect(told.stdout).toMatch(/^invocations +[34] +[0-4] +[0-4] /m);
  expect(told.stdout).toContain("; each bar a minute\n");
  const day = await run(["metrics", "--since", "1d"], { env });
  expect(day.stdout).toMatch(/, (\d{4}-\d\d-\d\d \d\d:\d\d)( to |; each bar an hour\n)/);
  expect(day.stdout.match(/\d{4}-\d\d-\d\d \d\d:\d\d/g)).toHaveLength(2);

  const watching = start(["metrics", "--watch", "--since", "3m", "--json"], { env });
  await watching.says(/("kind":"minute"[^]*){2}/);
  watching.signal("SIGINT");
  expect((await watching.ended).code).toBe(130);
});

test("metrics --watch begins with the present minute in a pipe", async () => {
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  await (await openTestStack(local.url)).deploy();
  const minute = () => new Date().toTimeString().slice(0, "00:00".length);
  const began = minute();
  const watching = start(["metrics", "--watch"], { env });
  await watching.says(/each minute when it is over; Ctrl-C ends/);
  watching.signal("SIGINT");
  const { stderr, stdout } = await watching.ended;
  expect([began, minute()]).toContain(/from (\S+) on, each minute/.exec(stderr)?.[1]);
  expect(stdout.split("\n").length).toBeLessThanOrEqual(2);
});

test("a capacity is estimated from what was measured", async () => {
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  await (await openTestStack(local.url)).deploy();
  await local.lambda.send(new InvokeCommand({ FunctionName }));
  const { stdout } = await run(["capacity", "--connections", "10", "--measured", "--json"], { env });
  expect(JSON.parse(stdout).assumed).not.toContain("invocationMs");
  const missing = await run(["cost", "--json"]);
  expect([missing.code, JSON.parse(missing.stdout).error.code]).toEqual([2, "value-missing"]);
});

test("metrics --watch is a table on a terminal, and Ctrl-C quietly leaves it there", async (context) => {
  needsTerminal(context);
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  await (await openTestStack(local.url)).deploy();
  const watching = start(["metrics", "--watch"], { env, columns: 80 });
  await watching.says(/invocations[^]*Ctrl-C ends[^\n]*\n/);
  watching.type("\u0003");
  const { stdout } = await watching.ended;
  expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/; each bar 2 minutes, as high as its highest minute/);
  expect(stdout.slice(stdout.lastIndexOf("Ctrl-C ends"))).not.toMatch(/stopp|error|interrupt/);
});
