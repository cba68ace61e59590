import { GetMetricDataCommand, type GetMetricDataCommandInput } from "@aws-sdk/client-cloudwatch";
import { InvokeCommand, PutFunctionConcurrencyCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { openSeries, statisticOf } from "../../src/local/services/monitoring/series.ts";
import { makeFunction, makeRole, openLocalAws, refusal, type AwsForTest } from "../support/local-aws.ts";

const MINUTE_MS = 60_000;

/** The figures of the last hour, as one value each. */
async function figures(
  { metrics }: AwsForTest,
  asked: readonly (readonly [name: string, stat: string])[],
  { FunctionName = "proxy", Period = 60 } = {},
) {
  const { MetricDataResults = [] } = await metrics.send(
    new GetMetricDataCommand({
      MetricDataQueries: asked.map(([MetricName, Stat], index) => ({
        Id: `m${index}`,
        MetricStat: {
          Metric: {
            Namespace: "AWS/Lambda",
            MetricName,
            Dimensions: [{ Name: "FunctionName", Value: FunctionName }],
          },
          Period,
          Stat,
        },
      })),
      StartTime: new Date(Date.now() - 60 * MINUTE_MS),
      EndTime: new Date(Date.now() + MINUTE_MS),
    }),
  );
  return MetricDataResults.map(({ Values = [] }) => Values.reduce((sum, value) => sum + value, 0));
}

test("invocations, errors, throttles and durations of a function are counted (AWS.md 7.4)", async () => {
  const aws = await openLocalAws();
  const source = "export const handler = async ({ fails }) => { if (fails) throw new Error('no'); };";
  await makeFunction(aws, { source, Role: await makeRole(aws) });
  const FunctionName = "proxy";
  const invoke = (event: object) =>
    aws.lambda.send(new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }));
  for (const event of [{}, {}, { fails: true }]) await invoke(event);
  await aws.lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
  expect((await refusal(invoke({}))).name).toBe("TooManyRequestsException");
  const counts = ["Invocations", "Errors", "Throttles"].map((name) => [name, "Sum"] as const);
  expect(await figures(aws, counts, { Period: 3600 })).toEqual([3, 1, 1]);
  const [highest, middle] = await figures(aws, [
    ["Duration", "Maximum"],
    ["Duration", "p50"],
  ]);
  expect(highest).toBeGreaterThan(0);
  expect(middle).toBeLessThanOrEqual(highest ?? 0);
  expect(await figures(aws, counts, { FunctionName: "another" })).toEqual([0, 0, 0]);
});

test.each<[string, Partial<GetMetricDataCommandInput>, object]>([
  ["a period that is no minute", {}, { Period: 90 }],
  ["a statistic that there is not", {}, { Stat: "Middle" }],
  ["an end before its beginning", { EndTime: new Date(0) }, {}],
])("%s is refused", async (_, times, stat) => {
  const { metrics } = await openLocalAws();
  const refused = await refusal(
    metrics.send(
      new GetMetricDataCommand({
        MetricDataQueries: [
          {
            Id: "m",
            MetricStat: {
              Metric: { Namespace: "AWS/Lambda", MetricName: "Errors" },
              Period: 60,
              Stat: "Sum",
              ...stat,
            },
          },
        ],
        StartTime: new Date(Date.now() - MINUTE_MS),
        EndTime: new Date(),
        ...times,
      }),
    ),
  );
  // The SDK's name for every ValidationError of CloudWatch's.
  expect([refused.name, refused.status]).toEqual(["ValidationException", 400]);
});

const metric = { namespace: "n", name: "m", dimensions: { b: "2", a: "1" } };
const whole = { from: 0, until: 1e15, periodMs: MINUTE_MS };

test.each([
  ["Sum", 5050],
  ["SampleCount", 100],
  ["Average", 50.5],
  ["Minimum", 1],
  ["Maximum", 100],
  ["p50", 50],
  ["p95", 95],
  ["p99.9", 100],
])("%s of 1 to 100 is %d", (name, value) => {
  const series = openSeries();
  for (let each = 1; each <= 100; each += 1) series.add(metric, each, 30_000);
  const statistic = statisticOf(name);
  if (!statistic) throw new Error(`no statistic ${name}`);
  const same = { ...metric, dimensions: { a: "1", b: "2" } };
  expect(series.read(same, { ...whole, statistic })).toEqual([{ at: 0, value }]);
});

test("values are kept for a day, and those of the latest 500 metrics", () => {
  const series = openSeries();
  const statistic = statisticOf("SampleCount")!;
  for (let minute = 0; minute < 1_500; minute += 1) series.add(metric, 1, minute * MINUTE_MS);
  const points = series.read(metric, { ...whole, statistic });
  expect([points.length, points[0]?.at]).toEqual([1_440, 1_499 * MINUTE_MS]);
  for (let other = 0; other < 500; other += 1) series.add({ ...metric, name: `m${other}` }, 1, 0);
  expect(series.read(metric, { ...whole, statistic })).toEqual([]);
  expect(series.read({ ...metric, name: "m499" }, { ...whole, statistic })).toHaveLength(1);
});
