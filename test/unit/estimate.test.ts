import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { CliError } from "../../src/errors/error.ts";
import { benchedLoad } from "../../src/estimate/bench-file.ts";
import { capacityOf, reconnectSeconds, shareOf } from "../../src/estimate/capacity.ts";
import { costOf } from "../../src/estimate/cost.ts";
import { loadOf, ratesOf, type Load } from "../../src/estimate/load.ts";
import { usedIn } from "../../src/estimate/measured.ts";
import { loadLine } from "../../src/terminal/load.ts";
import { benchResult } from "../support/bench-result.ts";

const load: Load = {
  connections: 1_000,
  messagesPerMinute: 2,
  peoplePerBooking: 3,
  sessionMinutes: 50,
  messageBytes: 1_000,
  invocationMs: 100,
  memoryMb: 512,
};

test("a load in figures per second", () => {
  expect(ratesOf({ ...load, connections: 3_000 })).toEqual({
    connects: 1,
    messages: 100,
    frames: 300,
    invocations: 102,
    backendRequests: 102,
  });
});

test("clients that say little keep their connections alive, which costs a message each way", () => {
  const quiet = ratesOf({ ...load, connections: 5_400, messagesPerMinute: 0.001, sessionMinutes: 100 });
  expect(quiet.messages).toBeCloseTo(10 + 0.09);
  expect(quiet.frames).toBeCloseTo(10 + 0.27);
  expect(quiet.backendRequests).toBeCloseTo(0.09 + 1.8);
});

test("what a month costs, by AWS's formula (AWS.md 10)", () => {
  const lines = Object.fromEntries(costOf(load).map(({ what, usd }) => [what, Number(usd.toFixed(2))]));
  // 1,000 × 2 a minute × 43,800 minutes = 87.6 million messages, and three frames of each.
  expect(lines).toEqual({
    "API Gateway, messages": 350.4,
    "API Gateway, connections": 10.95,
    "Lambda, invocations": 17.87,
    "Lambda, duration": 74.46,
    "CloudWatch Logs": 37.45,
    "data out": 22.91,
  });
});

test("messages cost less beyond a billion, and more than 32 KB count twice", () => {
  const messages = (changed: Partial<Load>) => costOf({ ...load, ...changed })[0]!;
  expect(messages({ connections: 10_000 }).usd).toBeCloseTo(1_000 + (3_504 - 1_000) * 0.8);
  expect(messages({ messageBytes: 32_768 }).usd).toBe(messages({}).usd);
  expect(messages({ messageBytes: 32_769 }).usd).toBeCloseTo(2 * messages({}).usd);
});

test("a free tier takes away at most what there is", () => {
  const any = (most: number) => fc.double({ min: 0.001, max: most, noNaN: true });
  fc.assert(
    fc.property(any(1e7), any(1e3), any(1e4), (connections, messagesPerMinute, peoplePerBooking) => {
      for (const { usd, freeUsd } of costOf({ ...load, connections, messagesPerMinute, peoplePerBooking })) {
        expect(freeUsd).toBeGreaterThanOrEqual(0);
        expect(freeUsd).toBeLessThanOrEqual(usd * (1 + 1e-9));
      }
    }),
  );
});

test("the limits in the order in which they break, each with the load that reaches it", () => {
  const lines = capacityOf({ ...load, connections: 1_000_000 }, { backendRate: undefined });
  expect(lines.map(({ id }) => id)).toEqual([
    "request-rate",
    "concurrency",
    "connect-rate",
    "message-size",
    "fan-out",
    "backend-rate",
  ]);
  expect(lines.slice(0, 3).map(({ reachedAt }) => reachedAt)).toEqual([74_812, 294_117, 1_500_000]);
  expect(lines.at(-1)).toMatchObject({ quota: null, reachedAt: null });
  expect(reconnectSeconds({ ...load, connections: 1_000_000 })).toBe(2_000);
});

test("at the number of connections that reaches a limit, that limit is just used up", () => {
  for (const { id, reachedAt } of capacityOf(load, { backendRate: 50 })) {
    if (reachedAt === null) continue;
    const at = (connections: number) =>
      capacityOf({ ...load, connections }, { backendRate: 50 }).find((line) => line.id === id)!;
    expect(shareOf(at(reachedAt))).toBeLessThanOrEqual(1);
    expect(shareOf(at(reachedAt + 1))).toBeGreaterThan(1);
  }
});

test("the load of a run of bench, from its JSON; another file is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "estimate-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fileWith = (content: unknown) => {
    const file = join(folder, "bench.json");
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    return file;
  };
  const result = { schemaVersion: 1, kind: "result", ...benchResult({}) };
  expect(benchedLoad(fileWith(result))).toEqual({
    measured: {
      connections: 200,
      // 3,000 messages of 200 clients in half a minute.
      messagesPerMinute: 30,
      peoplePerBooking: 2,
      messageBytes: 500,
    },
    bounds: { invocationMs: 8.4 },
  });
  const codeOf = (file: string) => {
    try {
      return benchedLoad(file);
    } catch (error) {
      return (error as CliError).code;
    }
  };
  expect(codeOf(fileWith({ ...result, latencyMs: null }))).toBe("nothing-measured");
  for (const content of ["", "[]", "{", { ...result, kind: "error" }, { ...result, plan: {} }])
    expect(codeOf(fileWith(content))).toBe("value-invalid");
  expect([codeOf(folder), codeOf("/dev/zero"), codeOf(join(folder, "none"))]).toEqual([
    "value-invalid",
    "value-invalid",
    "value-invalid",
  ]);
});

test("what is given counts before what was measured, and the rest is assumed by name", () => {
  const { load: made, assumed } = loadOf(
    { connections: 5, messageBytes: 7, invocationMs: undefined },
    { invocationMs: 12, messageBytes: 99 },
  );
  expect(made).toMatchObject({ connections: 5, messageBytes: 7, invocationMs: 12 });
  expect(assumed).toEqual(["messagesPerMinute", "peoplePerBooking", "sessionMinutes", "memoryMb"]);
});

const day = { minutes: 1_440, connections: 10, invocations: 5_000, connects: 480, messages: 12_120 };
const clients = ["messagesPerMinute", "peoplePerBooking", "sessionMinutes"];
test.each([
  ["a day", {}, { peoplePerBooking: 2, sessionMinutes: 30 }, []],
  ["some minutes", { minutes: 7 }, {}, clients],
  ["a day without a message", { invocations: 960 }, { messagesPerMinute: 0 }, ["peoplePerBooking"]],
  ["a day of fewer clients than are said to be there", { connects: 60 }, {}, ["sessionMinutes"]],
])("what %s tells of clients, and what it cannot", (_, counts, known, untold) => {
  const used = usedIn({ ...day, ...counts });
  expect(used.known).toMatchObject(known);
  expect(used.untold.map(({ figure }) => figure)).toEqual(untold);
  expect(Object.keys(used.known).filter((name) => untold.some((one) => one === name))).toEqual([]);
  const said = loadLine(loadOf({ connections: 10 }, used.known, {}, used.untold));
  expect(said.includes("not measured: ")).toBe(untold.length > 0);
  const given = { connections: 10, messagesPerMinute: 1, peoplePerBooking: 2, sessionMinutes: 30 };
  expect(loadOf(given, used.known, {}, used.untold).untold).toEqual([]);
});

test("a bound is taken for what is not known, and said to be one", () => {
  const bounded = loadOf({ connections: 5 }, { messageBytes: 99 }, { invocationMs: 480 });
  expect(bounded).toMatchObject({ load: { invocationMs: 480 }, atMost: ["invocationMs"] });
  expect(bounded.assumed).toContain("invocationMs");
  expect(loadLine(bounded)).toMatch(/assumed: .*at most 480 ms an event.*\n.*--invocation-ms/);
  const given = loadOf({ connections: 5, invocationMs: 20 }, {}, { invocationMs: 480 });
  expect(given).toMatchObject({ load: { invocationMs: 20 }, atMost: [] });
  expect(loadLine(given)).not.toContain("at most");
});
