import type { MetricDataResult } from "@aws-sdk/client-cloudwatch";
import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";

/** What CloudWatch measures of a stack (AWS.md 7.4), in the order in which it is shown. */
const rows = [
  { name: "invocations", of: "function", metric: "Invocations", stat: "Sum" },
  { name: "errors", of: "function", metric: "Errors", stat: "Sum" },
  { name: "throttles", of: "function", metric: "Throttles", stat: "Sum" },
  { name: "durationAverage", of: "function", metric: "Duration", stat: "Average" },
  { name: "durationP50", of: "function", metric: "Duration", stat: "p50" },
  { name: "durationP95", of: "function", metric: "Duration", stat: "p95" },
  { name: "connects", of: "stage", metric: "ConnectCount", stat: "Sum" },
  { name: "messages", of: "stage", metric: "MessageCount", stat: "Sum" },
  { name: "integrationErrors", of: "stage", metric: "IntegrationError", stat: "Sum" },
] as const;

/** Whose metrics are read. */
export interface Measured {
  functionName: string;
  apiId: string;
  stage: string;
}

/** Times in ms since 1970, all multiples of the period. */
export interface Span {
  from: number;
  until: number;
  periodMs: number;
}

export interface MetricSeries {
  name: (typeof rows)[number]["name"];
  /** Of its values. */
  unit: "count" | "ms";
  /** One for each period, oldest first; null where nothing was measured and that is not 0. */
  values: (number | null)[];
}

const dimensionsOf = {
  function: ({ functionName }: Measured) => ({
    Namespace: "AWS/Lambda",
    Dimensions: [{ Name: "FunctionName", Value: functionName }],
  }),
  stage: ({ apiId, stage }: Measured) => ({
    Namespace: "AWS/ApiGateway",
    Dimensions: [
      { Name: "ApiId", Value: apiId },
      { Name: "Stage", Value: stage },
    ],
  }),
};

/** Reads every metric of a stack, by periods. Late values are missing: they come 1 to 3 minutes late. */
export async function readMetrics(aws: Aws, measured: Measured, span: Span): Promise<MetricSeries[]> {
  const queries = rows.map(({ of, metric, stat }, index) => ({
    Id: `m${index}`,
    MetricStat: {
      Metric: { ...dimensionsOf[of](measured), MetricName: metric },
      Period: span.periodMs / 1000,
      Stat: stat,
    },
  }));
  const results: MetricDataResult[] = [];
  let NextToken: string | undefined;
  do {
    const answer = complete(
      await aws.metrics.call("GetMetricData", {
        MetricDataQueries: queries,
        StartTime: new Date(span.from),
        EndTime: new Date(span.until),
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
      ["MetricDataResults"],
    );
    results.push(...answer.MetricDataResults);
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return rows.map(({ name, stat }, index) => {
    const unit = stat === "Sum" ? "count" : "ms";
    const parts = results.filter(({ Id }) => Id === `m${index}`);
    return { name, unit, values: valuesOf(parts, span, unit === "count" ? 0 : null) };
  });
}

/** One value for each period; CloudWatch leaves out those in which nothing was measured. */
function valuesOf(
  parts: readonly MetricDataResult[],
  { from, until, periodMs }: Span,
  nothing: 0 | null,
): (number | null)[] {
  const found = new Map<number, number>();
  for (const part of parts) {
    const { Timestamps, Values } = complete(part, ["Timestamps", "Values"]);
    Timestamps.forEach((time, at) => found.set(time.getTime(), Values[at] ?? 0));
  }
  const periods = Array.from({ length: (until - from) / periodMs }, (_, index) => from + index * periodMs);
  return periods.map((at) => found.get(at) ?? nothing);
}
