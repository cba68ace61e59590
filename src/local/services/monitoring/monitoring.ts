import * as sdk from "@aws-sdk/client-cloudwatch";
import { AwsError } from "../../aws-error.ts";
import { jsonRpc } from "../../wire/json-rpc.ts";
import { all, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { service } from "../service.ts";
import { regional } from "../state.ts";
import { authorization } from "./access.ts";
import { constraints } from "./constraints.ts";
import { MINUTE_MS, openSeries, statisticOf, type Metric, type Statistic } from "./series.ts";

type Series = ReturnType<typeof openSeries>;

/** What CloudWatch lends to other services. */
export interface Metrics {
  /** Counts one, or adds another value, now. */
  add(region: string, metric: Metric, value?: number): void;
}

const op = operations<typeof sdk, { seriesIn(region: string): Series }>();

/** CloudWatch's metrics, as far as they are read (AWS.md 7.4). What was measured ends with the process. */
export const monitoring = service({
  name: "monitoring",
  sdk,
  protocol: (shapes) => jsonRpc(shapes, "1.0"),
  invalidInput: "ValidationError",
  constraints,
  needs: {},
  state: regional(() => ({})),
  operations: [
    op(
      "GetMetricData",
      {
        MetricDataQueries: {
          Id: all,
          Label: all,
          MetricStat: {
            Metric: { Namespace: all, MetricName: all, Dimensions: { Name: all, Value: all } },
            Period: all,
            Stat: all,
          },
          ReturnData: only(true),
        },
        StartTime: all,
        EndTime: all,
        ScanBy: only("TimestampDescending"),
      },
      ({ MetricDataQueries, StartTime, EndTime }, { seriesIn, region }) => {
        const [start, end] = [StartTime.getTime(), EndTime.getTime()];
        if (start >= end) throw refused("The parameter StartTime must be less than the parameter EndTime.");
        const series = seriesIn(region);
        return {
          MetricDataResults: MetricDataQueries.map(({ Id, Label, MetricStat }) => {
            const { metric, periodMs, statistic } = askedIn(MetricStat);
            const from = Math.floor(start / periodMs) * periodMs;
            const points = series.read(metric, { from, until: end, periodMs, statistic });
            return {
              Id: Id ?? "",
              Label: Label ?? metric.name,
              Timestamps: points.map(({ at }) => new Date(at)),
              Values: points.map(({ value }) => value),
              StatusCode: "Complete" as const,
            };
          }),
          Messages: [],
        };
      },
    ),
  ],
  open() {
    const regions = new Map<string, Series>();
    const seriesIn = (region: string) => {
      const series = regions.get(region) ?? openSeries();
      regions.set(region, series);
      return series;
    };
    const port: Metrics = {
      add: (region, metric, value = 1) => seriesIn(region).add(metric, value, Date.now()),
    };
    return { parts: { seriesIn }, port, authorization };
  },
});

const refused = (message: string): AwsError => new AwsError("ValidationError", message);

/** What one query asks for. Throws a ValidationError for what AWS does not take either. */
function askedIn(
  asked:
    | {
        Metric?:
          | {
              Namespace?: string | undefined;
              MetricName?: string | undefined;
              Dimensions?: { Name?: string | undefined; Value?: string | undefined }[] | undefined;
            }
          | undefined;
        Period?: number | undefined;
        Stat?: string | undefined;
      }
    | undefined,
): { metric: Metric; periodMs: number; statistic: Statistic } {
  const {
    Metric: { Namespace = "", MetricName = "", Dimensions = [] } = {},
    Period = 0,
    Stat = "",
  } = asked ?? {};
  const periodMs = Period * 1000;
  const statistic = statisticOf(Stat);
  if (periodMs === 0 || periodMs % MINUTE_MS !== 0)
    throw refused("The parameter MetricStat.Period must be a multiple of 60.");
  if (!statistic) throw refused(`The value ${Stat} for parameter MetricStat.Stat is not supported.`);
  const dimensions = Object.fromEntries(Dimensions.map(({ Name = "", Value = "" }) => [Name, Value]));
  return { metric: { namespace: Namespace, name: MetricName, dimensions }, periodMs, statistic };
}
