import * as v from "valibot";
import { expect, test } from "vitest";
import { benchPage } from "../../src/bench/page.ts";
import { planOf } from "../../src/bench/plan.ts";
import { costText, isOnAws, runCost } from "../../src/bench/price.ts";
import { hasPassed } from "../../src/bench/result.ts";
import { tally } from "../../src/bench/tally.ts";
import { judge, type Met } from "../../src/bench/threshold.ts";
import { thresholds, type Measure } from "../../src/settings/threshold.ts";
import { benchResult } from "../support/bench-result.ts";

const plan = planOf({ rate: 10, durationMs: 1_000, ramp: 100 });

test("S51 each measure has its unit, and a wrong one is refused with what is right", () => {
  const faultOf = (words: string) => v.safeParse(thresholds.schema, [words]).issues?.[0].message;
  const right = ["p99<100ms", "max <= 1.5s", "lost<=0", "lost == 0", "rate>=450", "rate > 450/s", " late<3 "];
  expect(right.map(faultOf)).toEqual(right.map(() => undefined));
  const expected = {
    "lost<5ms": "expected lost as a number without a unit, as in lost<10",
    "p99<100": "expected p99 in ms or s, as in p99<100ms",
    "p99<100m": "expected p99 in ms or s, as in p99<100ms",
    "rate>=5ms": "expected rate in messages per second, as in rate>=450",
    "p99<1%": "expected p99 in ms or s, as in p99<100ms",
    "constructor<5": expect.stringMatching(/^expected one of p50, .*, rate$/),
    p99: "expected a condition like p99<100ms, lost<=0 or rate>=450",
    "p99<-1ms": "expected a condition like p99<100ms, lost<=0 or rate>=450",
    "": "expected a condition like p99<100ms, lost<=0 or rate>=450",
  };
  for (const [words, message] of Object.entries(expected)) expect(faultOf(words), words).toEqual(message);
});

test("a limit in seconds counts as milliseconds; what was not measured meets nothing", () => {
  const metBy = (words: string, measured: Partial<Record<Measure, number>>) =>
    judge(v.parse(thresholds.schema, [words]), measured)[0]?.met;
  expect(metBy("p99<1.5s", { p99: 1_499 })).toBe(true);
  expect(metBy("p99<1.5s", { p99: 1_500 })).toBe(false);
  expect(metBy("p99<=1.5s", { p99: 1_500 })).toBe(true);
  expect(metBy("rate>450/s", { rate: 450 })).toBe(false);
  expect(metBy("rate>=450", { rate: 450 })).toBe(true);
  expect(metBy("lost==0", { lost: 0 })).toBe(true);
  expect(metBy("p99<1.5s", {})).toBe(false);
});

test.each<[{ failed: number; received?: number }, Pick<Met, "measure" | "met"> | undefined, boolean]>([
  [{ failed: 1 }, undefined, false],
  [{ failed: 0 }, undefined, true],
  [{ failed: 1 }, { measure: "failed", met: true }, true],
  [{ failed: 1 }, { measure: "p99", met: true }, false],
  [{ failed: 0 }, { measure: "p99", met: false }, false],
  [{ failed: 0, received: 0 }, undefined, false],
])("a run with %j and the threshold %j has passed: %s", ({ failed, received = 9 }, threshold, passed) => {
  const { connections, deliveries } = benchResult({});
  const thresholds = threshold ? [{ threshold: "", actual: 1, ...threshold }] : [];
  const run = {
    connections: { ...connections, failed },
    deliveries: { ...deliveries, received },
    thresholds,
  };
  expect(hasPassed(run)).toBe(passed);
});

test("AWS is known by its names alone", () => {
  const names = [
    "x.amazonaws.com",
    "x.amazonaws.com.",
    "X.AMAZONAWS.COM",
    "x.amazonaws.com.cn",
    "amazonaws.com",
  ];
  expect(names.filter((name) => !isOnAws(`wss://${name}/dev`))).toEqual([]);
  const others = ["amazonaws.com.example", "notamazonaws.com", "127.0.0.1:1", "localhost"];
  expect(others.filter((name) => isOnAws(`ws://${name}/?amazonaws.com`))).toEqual([]);
});

test("the price of a run is that of its messages, minutes and invocations", () => {
  const large = { ...plan, connections: 6_000, people: 3, ramp: 100, rate: 1_000, durationMs: 1_000_000 };
  // A million messages and three million frames, 6,000 connections for 1,030 s, 1,012,000 invocations.
  const gateway = 4 + ((6_000 * 1_030) / 60) * 0.25e-6;
  const lambda = 1_012_000 * (0.2e-6 + 0.06 * 0.25 * 16.6667e-6);
  const others = (1_012_000 * 900 * 0.5 + 3e6 * (500 + 40) * 0.09) / 1024 ** 3;
  expect(runCost(large).usd).toBeCloseTo(gateway + lambda + others, 1);
  expect(costText(runCost(plan))).toMatch(/^< \$0\.01 by us-east-1's prices of \d{4}-\d\d, without/);
  expect(costText(runCost(large))).toMatch(/^about \$\d\.\d\d by /);
});

test("what is owed of a message is lost, or under way where it is young", () => {
  const counts = tally(3, 3, 100);
  for (const message of [0, 1, 2]) counts.sent(message, 2);
  counts.received(0, 1, 5);
  counts.received(0, 1, 6);
  counts.received(1, 0, 101);
  expect(counts.deliveries(2)).toEqual({
    expected: 6,
    received: 2,
    lost: 2,
    underWay: 2,
    doubled: 1,
    late: 1,
  });
  expect(counts.deliveries(3)).toMatchObject({ lost: 4, underWay: 0 });
  expect(counts.owed()).toBe(4);
});

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&\u202e\u0000</style>`;

test("F-16 the report holds text of others as text alone, and may load and run nothing", () => {
  const page = benchPage(
    benchResult({
      url: `ws://127.0.0.1/${hostile}`,
      reasons: [{ reason: hostile, count: 1 }],
      thresholds: [{ threshold: hostile, measure: "p99", actual: null, met: false }],
    }),
    new Date(0),
  );
  for (const part of ["<script", "<img", "\u202e", "\u0000"]) expect(page).not.toContain(part);
  expect(page.match(/<\/style>/g)).toHaveLength(1);
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;sha256-`);
  expect(page).not.toMatch(/<[^>]* (src|href|on\w+)=/);
});

test("a report of a day has its chart in some hundred points", () => {
  const second = (index: number) => ({ second: index + 1, sent: 1, received: 1, p50: 1, p95: 2, p99: index });
  const timeline = Array.from({ length: 86_400 }, (_, index) => second(index));
  const page = benchPage(benchResult({ timeline }), new Date(0));
  expect(page.length).toBeLessThan(100_000);
  expect(page).toContain("86.4 s");
});
