import { createServer, request as forward } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { expect, onTestFinished, test } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { followLog } from "../../src/logs/follow.ts";
import { followedGroup } from "../../src/logs/group.ts";
import type { FollowOptions } from "../../src/logs/follow.ts";
import { connectAws } from "../../src/aws/clients.ts";
import { safe } from "../../src/terminal/safe.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { makeFunction, openLocalAws, pointedAt } from "../support/local-aws.ts";
import { run, start } from "../support/program.ts";
import { createQueue } from "../support/queue.ts";
import { openTestStack } from "../support/stack.ts";

const logGroupName = "/aws/lambda/shelfshack-websocket-proxy";
const id = "8f5a0000-0000-4000-8000-000000000001";

/** A local AWS whose log has this group and stream, how to write to it, and how to follow it through `at`. */
async function logging({ pageSize = 50, streams = ["a", "b"] } = {}) {
  const local = await startLocalAws({ port: 0, liveTailMs: 20, pageSize });
  onTestFinished(() => local.close());
  const signal = new AbortController();
  onTestFinished(() => signal.abort());
  const connected = async (url: string) => {
    const place = {
      local: true,
      port: Number(new URL(url).port),
      endpointUrl: undefined,
      region: "us-east-1",
      profile: undefined,
    };
    const aws = await connectAws(place, { report: () => {}, signal: signal.signal, timeScale: 0.01 });
    onTestFinished(() => aws.close());
    return aws.logs;
  };
  const logs = await connected(local.url);
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  const makeStream = (logStreamName: string) =>
    logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  for (const name of streams) await makeStream(name);
  let last = Date.now() - 60_000;
  /** Writes lines, each a millisecond after the one before unless a time is given. */
  const write = async (
    messages: string[],
    { stream = "a", timestamp }: { stream?: string; timestamp?: number } = {},
  ) => {
    const logEvents = messages.map((message) => ({ message, timestamp: timestamp ?? (last += 1) }));
    await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName: stream, logEvents }));
  };
  /** What following gives, one by one, with what is reported meanwhile. */
  const follow = async (options: Partial<FollowOptions>, url = local.url) => {
    const notes: string[] = [];
    const reached = await connected(url);
    const group = await followedGroup(reached, logGroupName);
    const report: FollowOptions["report"] = (event) =>
      void (event.kind === "note" && notes.push(event.message));
    const events = followLog(reached, group ? [group] : [], {
      follow: true,
      report,
      signal: signal.signal,
      pollMs: 20,
      ...options,
    });
    const next = async () => (await events.next()).value?.message as string;
    return { next, notes, stop: () => events.return(undefined) };
  };
  return {
    local,
    write,
    follow,
    makeStream,
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) },
  };
}

/**
 * A proxy in front of the local AWS that passes streams on as they come; `meddle` may answer a call itself,
 * or cut the answer later.
 */
async function proxyTo(
  target: string,
  meddle: (operation: string, response: ServerResponse) => boolean,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const operation = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
    if (meddle(operation, response)) return;
    const onward = forward(
      target + request.url,
      { method: request.method, headers: { ...request.headers, host: new URL(target).host } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on("error", () => response.destroy()).pipe(response);
      },
    );
    response.on("close", () => onward.destroy());
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The answer about a group without a stream. */
const noStreams = (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": id });
  response.end('{"logStreams":[]}');
};

const denied = (response: ServerResponse) => {
  response.writeHead(400, { "content-type": "application/x-amz-json-1.1" });
  response.end(
    '{"__type":"AccessDeniedException","message":"is not authorized to perform: logs:StartLiveTail"}',
  );
};

test("S24 no log group, or one without a stream: not invoked yet, exit code 0", async () => {
  const local = await startLocalAws({ port: 0 });
  onTestFinished(() => local.close());
  const missing = await run(["logs", "tail"], {
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) },
  });
  expect([missing.code, missing.stdout]).toEqual([
    0,
    expect.stringContaining(
      `not invoked yet, and nothing seems to be deployed: there is no log group ${logGroupName}`,
    ),
  ]);
  expect(missing.stdout).not.toContain("shelfshack-ws.js test");
  const { env } = await logging({ streams: [] });
  const empty = await run(["logs", "tail", "--no-follow", "--json"], { env });
  expect([empty.code, JSON.parse(empty.stdout)]).toEqual([
    0,
    {
      schemaVersion: 1,
      kind: "result",
      group: logGroupName,
      accessLog: null,
      exists: true,
      invoked: false,
      records: 0,
      next: [expect.objectContaining({ argv: [["test", "--token-stdin", "--local"]] })],
    },
  ]);
});

test.each(["live", "by polling"])(
  "S24 a log group without a stream is waited for, and its first lines are shown %s",
  async (how) => {
    const { local, env, write, makeStream } = await logging({ streams: [] });
    const writeNow = (line: string) => write([line], { timestamp: Date.now() });
    const url = await proxyTo(local.url, (operation, response) => {
      // The first line comes when the group was found empty, and before that is read.
      if (operation === "DescribeLogStreams")
        void makeStream("a")
          .then(() => writeNow("first line\n"))
          .then(() => noStreams(response));
      else if (operation === "StartLiveTail" && how !== "live") denied(response);
      else return false;
      return true;
    });
    const running = start(["logs", "tail"], { env: { ...env, SHELFSHACK_PORT: new URL(url).port } });
    await running.says(`not invoked yet: there is nothing in ${logGroupName}, waiting\n`);
    if (how !== "live") await running.says("no live tail");
    await running.says("first line");
    await writeNow("second line\n");
    await running.says("second line");
    running.signal("SIGINT");
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout: stdout.replaceAll(/^\S+/gm, "") }).toEqual({
      code: 130,
      stdout: " INFO   first line\n INFO   second line\n",
    });
    expect(stderr.match(/waiting/g)).toHaveLength(1);
  },
);

test("S24 C-01 C-03 the history: JSON unfolded, Lambda's lines condensed, escaped", async () => {
  const { write, env } = await logging();
  await write([
    "INIT_START Runtime Version: nodejs:24.v12\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:0\n",
    `START RequestId: ${id} Version: $LATEST\n`,
    '{"level":"WARN","event":"connect",' +
      '"requestId":"r=","connectionId":"C1=","status":401,"reason":"two words"}\n',
    `2026-11-23T15:04:40.500Z\t${id}\tERROR\tInvoke Error \t{"errorType":"Error"}\n`,
    "[ERROR] ValueError: bad\nTraceback (most recent call last):\n" +
      '\u00a0\u00a0File "app.py"\n15:04:40.500 INFO   forged\n',
    `2026-11-23T15:04:43.500Z ${id} Task timed out after 3.00 seconds\n\n`,
    '{"body": "x Task timed out after 9 seconds"}\n',
    "plain \u001b[31mred\u202e \u009b\n",
    `END RequestId: ${id}\n`,
    `REPORT RequestId: ${id}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t` +
      "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n",
    '{"time":"2026-11-23T15:04:46.000Z","type":"platform.report",' +
      '"record":{"requestId":"x","status":"timeout","metrics":{"durationMs":3000}}}',
  ]);
  const { code, stdout, stderr } = await run(["logs", "tail", "--no-follow"], { env });
  expect(code).toBe(0);
  expect(stdout.replaceAll(/^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{3} /gm, "")).toBe(
    [
      "INFO   cold start, nodejs:24.v12",
      'WARN   connect requestId=r= connectionId=C1= status=401 reason="two words"',
      "ERROR  Invoke Error: Error",
      "ERROR  ValueError: bad",
      "| Traceback (most recent call last):",
      '|   File "app.py"',
      "| 15:04:40.500 INFO   forged",
      "ERROR  Task timed out after 3.00 seconds",
      'INFO   body="x Task timed out after 9 seconds"',
      "INFO   plain \\x1b[31mred\\u202e \\x9b",
      "INFO   report 3.01 ms, billed 4 ms, 36 MB of 128 MB, cold start 110.10 ms",
      "ERROR  report 3000.00 ms, timeout",
      "",
    ].join("\n"),
  );
  expect(stderr).toMatch(/^ {2}reading \S+\nnext: .* trace --since 1h --no-follow --local\n$/);
  const json = await run(["logs", "tail", "--no-follow", "--json"], { env });
  expect(json.stdout).toBe(safe(json.stdout));
  expect(
    json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object),
  ).toHaveLength(12);
});

test("S24 --errors, --connection and --filter leave out the rest", async () => {
  const { write, env } = await logging();
  const lineOf = (connectionId: string, level = "INFO") =>
    `{"level":"${level}","event":"message","connectionId":"${connectionId}"}\n`;
  await write([
    "START RequestId: 1\n",
    lineOf("A="),
    "REPORT RequestId: 1\tDuration: 1.00 ms\n",
    "START RequestId: 2\n",
    lineOf("B=", "WARN"),
    "stray\n",
  ]);
  await write(
    ["START RequestId: 3\n", lineOf("A=", "ERROR"), "Traceback of A\n", "START RequestId: 4\n", "unnamed\n"],
    { stream: "b" },
  );
  const shown = async (...options: string[]) =>
    (await run(["logs", "tail", "--no-follow", ...options], { env })).stdout.replaceAll(/^[\d:. -]+/gm, "");
  expect(await shown("--connection", "A=")).toBe(
    "INFO   message connectionId=A=\nINFO   report 1.00 ms\n" +
      "ERROR  message connectionId=A=\nINFO   Traceback of A\n",
  );
  expect(await shown("--errors")).toBe("WARN   message connectionId=B=\nERROR  message connectionId=A=\n");
  expect(await shown("--filter", "Traceback")).toBe("INFO   Traceback of A\n");
  expect(await shown("--errors", "--connection", "C=")).toContain(
    "nothing in /aws/lambda/shelfshack-websocket-proxy in that time",
  );
});

test("S24 --connection: CloudWatch looks for its lines, and only what follows them is read", async () => {
  const { write, env, local } = await logging({ pageSize: 3 });
  const invocation = (id: number, connectionId: string) => [
    `START RequestId: ${id}\n`,
    `{"event":"message","connectionId":"${connectionId}","n":${id}}\n`,
    `Traceback of ${id}\n`,
    `REPORT RequestId: ${id}\tDuration: ${id}.00 ms\n`,
  ];
  // Two of its lines in one invocation, some in two streams, and its id in a line of another connection.
  const twice = [...invocation(7, "A="), '{"event":"again","connectionId":"A="}\n', "Traceback of again\n"];
  const told = [`START RequestId: 8\n`, '{"event":"initial","connectionId":"B=","to":"A="}\n', "stray\n"];
  const others = [...Array(20).keys()].flatMap((n) => invocation(100 + n, `C${n}=`));
  await write([...invocation(1, "A="), ...others, ...invocation(2, "A="), ...twice]);
  await write([...invocation(3, "A="), ...told, ...invocation(4, "D=")], { stream: "b" });
  const shown = async (connection: string) => {
    const { stdout } = await run(["logs", "tail", "--no-follow", "--connection", connection], { env });
    return stdout
      .replaceAll(/^[\d:. -]+/gm, "")
      .trimEnd()
      .split("\n");
  };
  const whole = (id: number) => [
    `INFO   message connectionId=A= n=${id}`,
    `INFO   Traceback of ${id}`,
    `INFO   report ${id}.00 ms`,
  ];
  const again = ["INFO   again connectionId=A=", "INFO   Traceback of again"];
  expect(await shown("A=")).toEqual([...whole(1), ...whole(2), ...whole(7), ...again, ...whole(3)]);
  const before = local.calls.length;
  expect(await shown("NONE=")).toEqual([`nothing in ${logGroupName} in that time`]);
  const reads = local.calls.slice(before).filter(({ operation }) => operation === "FilterLogEvents");
  expect(new Set(reads.map(({ input }) => input["filterPattern"]))).toEqual(new Set(['"NONE="']));
});

test("S24 the access log stands between the function's lines, also for one connection", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { accessLogs: "on" })).deploy();
  const accessGroup = "/aws/apigateway/shelfshack-websocket-proxy/access";
  const start = Date.now() - 60_000;
  const put = async (group: string, lines: readonly (readonly [ms: number, message: string])[]) => {
    const at = { logGroupName: group, logStreamName: "s" };
    await local.logs.send(new CreateLogStreamCommand(at));
    const logEvents = lines.map(([ms, message]) => ({ timestamp: start + ms, message }));
    await local.logs.send(new PutLogEventsCommand({ ...at, logEvents }));
  };
  const line = (id: string, connectionId: string) =>
    JSON.stringify({ event: "message", requestId: id, connectionId });
  const message = { eventType: "MESSAGE", routeKey: "-", at: "1", ms: "31", error: "-" };
  const access = (requestId: string, connectionId: string, status: string, error = "-") =>
    JSON.stringify({ ...message, requestId, connectionId, status, refusal: error });
  await put(logGroupName, [
    [1, "START RequestId: 1"],
    [2, line("r1=", "A=")],
    [3, "END RequestId: 1"],
    [11, "START RequestId: 2"],
    [12, line("r2=", "B=")],
  ]);
  await put(accessGroup, [
    [4, access("r1=", "A=", "200")],
    [13, access("r2=", "B=", "500", "broken")],
    [20, access("r3=", "C=", "403")],
    [21, "no JSON\u001b[31m"],
  ]);
  const env = pointedAt(local.url);
  const shown = async (...options: string[]) => {
    const { stdout } = await run(["logs", "tail", "--no-follow", ...options], { env });
    return stdout
      .replaceAll(/^[\d:. -]+/gm, "")
      .trimEnd()
      .split("\n");
  };
  const [own, ofA] = ["INFO   message requestId=r1= connectionId=A=", "r1= connectionId=A="];
  const accessOfA = `INFO   MESSAGE 200 31 ms requestId=${ofA}`;
  const accessOfB = 'ERROR  MESSAGE 500 31 ms requestId=r2= connectionId=B= error="broken"';
  const accessOfC = "WARN   MESSAGE 403 31 ms requestId=r3= connectionId=C=";
  const ofB = "INFO   message requestId=r2= connectionId=B=";
  expect(await shown()).toEqual([own, accessOfA, ofB, accessOfB, accessOfC, "INFO   no JSON\\x1b[31m"]);
  expect(await shown("--connection", "A=")).toEqual([own, accessOfA]);
  expect(await shown("--request", "r2=")).toEqual([ofB, accessOfB]);
  expect(await shown("--errors")).toEqual([accessOfB, accessOfC]);
  const { stdout } = await run(["logs", "tail", "--no-follow", "--json"], { env });
  const documents = stdout
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { origin?: string });
  expect(documents.filter(({ origin }) => origin === "access")[1]).toMatchObject({
    level: "ERROR",
    connectionId: "B=",
    fields: { eventType: "MESSAGE", requestId: "r2=", status: 500, ms: 31, error: "broken" },
  });
  expect(documents.at(-1)).toMatchObject({ kind: "result", group: logGroupName, accessLog: accessGroup });
});

test("F-48 --request leaves what one request logged, by API Gateway's id or by Lambda's", async () => {
  const { write, env } = await logging();
  const lineOf = (requestId: string) =>
    `{"level":"ERROR","event":"message","requestId":"${requestId}","connectionId":"A="}\n`;
  const invocation = (id: number, requestId: string) => [
    `START RequestId: ${id}\n`,
    lineOf(requestId),
    `Traceback of ${requestId}\n`,
    `END RequestId: ${id}\n`,
  ];
  await write([...invocation(1, "UbT1="), ...invocation(2, "UbT2=")]);
  const args = ["logs", "tail", "--no-follow", "--json", "--request"];
  const byRequest = async (id: string) =>
    (await run([...args, id], { env })).stdout
      .trimEnd()
      .split("\n")
      .flatMap((line) => (JSON.parse(line) as { text?: string }).text ?? [])
      .filter((text) => text.includes("Traceback"));
  expect(await byRequest("UbT2=")).toEqual(["Traceback of UbT2="]);
  expect(await byRequest("1")).toEqual(["Traceback of UbT1="]);
  expect(await byRequest("UbT3=")).toEqual([]);
});

test("S24 new lines follow the history as they are written, none twice; Ctrl-C exits with 130", async () => {
  const { write, env } = await logging();
  await write(["old line\n"]);
  const running = start(["logs", "tail", "--since", "10m"], { env });
  await running.says("old line");
  await write(["new line\n"], { timestamp: Date.now() });
  await running.says("new line");
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({ code: 130, stderr: `following ${logGroupName}, Ctrl-C ends\n` });
  expect(stdout.match(/line$/gm)).toHaveLength(2);
});

test("F-29 the group that the function is set to is followed", async () => {
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: new URL(local.url).port };
  const own = "/our/websockets";
  await local.logs.send(new CreateLogGroupCommand({ logGroupName: own }));
  await makeFunction(local, {
    FunctionName: "shelfshack-websocket-proxy",
    LoggingConfig: { LogGroup: own },
    source: 'export const handler = async () => console.log("in a group of its own");',
  });
  expect((await run(["test"], { env })).code).toBe(3);
  const { code, stdout } = await run(["logs", "tail", "--no-follow", "--json"], { env });
  const documents = stdout.trim().split("\n");
  expect([code, JSON.parse(documents.at(-1)!)]).toMatchObject([0, { group: own, exists: true }]);
  expect(stdout).toContain("in a group of its own");
});

test("F-29 a caller that may not read the function reads the usual group", async () => {
  const { write, env, local } = await logging();
  await write(["a line\n"]);
  const message = "User: x is not authorized to perform: lambda:GetFunctionConfiguration";
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.includes("/configuration")
      ? { refusal: { status: 403, name: "AccessDeniedException", message } }
      : undefined,
  );
  const { code, stdout } = await run(["logs", "tail", "--no-follow"], {
    env: { ...env, SHELFSHACK_PORT: new URL(proxy.url).port },
  });
  expect([code, stdout]).toEqual([0, expect.stringContaining("a line")]);
});

test("S24 the history spans pages, keeps lines that were written twice, and gives each once", async () => {
  const { write, follow } = await logging({ pageSize: 2 });
  const timestamp = Date.now() - 1_000;
  await write(["same\n", "same\n", "same\n", "other\n", "last\n"], { timestamp });
  const { next, stop } = await follow({ since: timestamp - 1, follow: false });
  expect([await next(), await next(), await next(), await next(), await next(), await next()]).toEqual([
    "same\n",
    "same\n",
    "same\n",
    "other\n",
    "last\n",
    undefined,
  ]);
  await stop();
});

test("S24 without live tail it polls, and finds lines that arrive late", async () => {
  const { local, write, follow } = await logging();
  const url = await proxyTo(local.url, (operation, response) => {
    if (operation !== "StartLiveTail") return false;
    denied(response);
    return true;
  });
  const now = Date.now();
  await write(["old\n"], { timestamp: now - 5_000 });
  const { next, notes, stop } = await follow({ since: now - 60_000 }, url);
  expect(await next()).toBe("old\n");
  expect(notes).toEqual([expect.stringContaining("no live tail (AccessDeniedException)")]);
  await write(["new\n"], { timestamp: now });
  expect(await next()).toBe("new\n");
  await write(["late\n", "new\n"], { timestamp: now - 2_000 });
  expect([await next(), await next()]).toEqual(["late\n", "new\n"]);
  await stop();
});

test.each([
  { how: "more lines a second than a live tail gives", atFirst: 0, options: {} },
  // One update of a live tail has these, and more would be too many for it.
  { how: "more lines than were taken", atFirst: 450, options: { mostWaiting: 200 } },
])(
  "S24 at 10,000 lines a second none is lost or doubled between history and live: $how",
  async ({ how, atFirst, options }) => {
    const { write, follow } = await logging({ pageSize: 10_000 });
    const lines = (from: number, count: number) => [...Array(count).keys()].map((n) => `line ${from + n}\n`);
    const now = Date.now();
    await write(lines(0, 1_000), { timestamp: now - 1_000 });
    const { next, notes, stop } = await follow({ since: now - 60_000, calmMs: 100, ...options });
    const seen = new Map([[await next(), 1]]);
    const seeUpTo = async (count: number) => {
      while (seen.size < count) {
        const line = await next();
        seen.set(line, (seen.get(line) ?? 0) + 1);
      }
    };
    // While the history is read.
    if (atFirst > 0) await write(lines(1_000, atFirst), { timestamp: now });
    await seeUpTo(atFirst === 0 ? 1 : 1_000 + atFirst);
    const writing = async () => {
      for (let from = 1_000 + atFirst; from < 11_000; from += 955)
        await write(lines(from, Math.min(955, 11_000 - from)), { timestamp: now });
    };
    const written = writing();
    await seeUpTo(11_000);
    await written;
    expect([...seen.values()].filter((count) => count !== 1)).toEqual([]);
    // What was doubled would come before these.
    for (const text of ["after the flood\n", "after that\n"]) {
      await write([text], { timestamp: Date.now() });
      expect(await next()).toBe(text);
    }
    expect(notes).toContain(`${how}, polling every 2 s`);
    await stop();
  },
);

test("S24 a live tail that breaks is followed by polling without repeating what it gave", async () => {
  const { local, write, follow } = await logging();
  const tails = createQueue<ServerResponse>();
  const url = await proxyTo(local.url, (operation, response) => {
    if (operation === "StartLiveTail") response.once("pipe", () => tails.put(response));
    return false;
  });
  const { next, notes, stop } = await follow({}, url);
  const first = next();
  const tail = await tails.next();
  const now = Date.now();
  await write(["older than the tail\n"], { timestamp: now - 300_000 });
  expect(await first).toBe("older than the tail\n");
  await write(["live\n", "live\n"], { timestamp: now });
  expect([await next(), await next()]).toEqual(["live\n", "live\n"]);
  tail.destroy();
  await write(["polled\n"], { timestamp: now + 1 });
  expect(await next()).toBe("polled\n");
  expect(notes).toEqual([expect.stringContaining("polling every 2 s")]);
  await stop();
});

test("S24 a live tail without updates, or that never begins, counts as broken", async () => {
  for (const operationHeld of ["begins", "silent"]) {
    const { local, write, follow } = await logging();
    const url = await proxyTo(local.url, (operation, response) => {
      if (operation !== "StartLiveTail") return false;
      if (operationHeld === "silent")
        response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" }).flushHeaders();
      return true;
    });
    const { next, notes, stop } = await follow({ silenceMs: 50 }, url);
    const first = next();
    await write(["polled\n"], { timestamp: Date.now() });
    expect(await first).toBe("polled\n");
    expect(notes).toHaveLength(1);
    await stop();
  }
});

test.each(["a variable of the service", "a profile"])(
  "S24 the live tail goes to the address that %s sets, as every other call does",
  async (place) => {
    const { local, write } = await logging();
    const folder = await mkdtemp(join(tmpdir(), "shelfshack-profile-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(
      join(folder, "config"),
      `[profile elsewhere]\nregion = us-east-1\nendpoint_url = ${local.url}\n` +
        "aws_access_key_id = a\naws_secret_access_key = b\n",
    );
    const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_REGION: "us-east-1" };
    const running =
      place === "a profile"
        ? start(["logs", "tail", "--since", "10m", "--profile", "elsewhere"], {
            env: { AWS_CONFIG_FILE: join(folder, "config") },
          })
        : start(["logs", "tail", "--since", "10m"], {
            env: { ...keys, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: local.url },
          });
    await write(["old line\n"]);
    await running.says("old line");
    await write(["new line\n"], { timestamp: Date.now() });
    await running.says("new line");
    running.signal("SIGINT");
    expect((await running.ended).stderr).not.toContain("no live tail");
  },
);

test("without a local AWS the reason is said once", async () => {
  const { code, stderr } = await run(["logs", "tail", "--local"], { env: { SHELFSHACK_PORT: "9" } });
  expect([code, stderr.match(/no local AWS/g)]).toEqual([1, ["no local AWS"]]);
});
