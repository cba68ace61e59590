import type { Aws } from "../aws/clients.ts";
import type { MetricSeries } from "../aws/metrics.ts";
import { CliError } from "../errors/error.ts";
import { benchedLoad } from "./bench-file.ts";
import { loadOf, type Estimate, type GivenLoad, type Load } from "./load.ts";

const HOUR_MS = 3_600_000;

interface EstimateOptions extends Omit<GivenLoad, "connections"> {
  connections: number | undefined;
  measured: boolean;
  /** A file with the JSON of `bench`. */
  from: string | undefined;
  since: number | undefined;
  functionName: string;
  apiName: string;
  stage: string;
}

/**
 * The load that the options mean, with what was measured, or what a run of `bench` found, where that is asked
 * for. Throws a CliError (exit 2) without a number of connections.
 */
export async function estimated(
  { connections, measured, from, since, functionName, apiName, stage, ...given }: EstimateOptions,
  openAws: () => Promise<Aws>,
): Promise<Estimate> {
  if (from !== undefined) {
    if (measured)
      throw new CliError("options-contradict", "--from goes with no --measured", {
        hint: "leave one of them out",
      });
    const { measured: benched, bounds } = benchedLoad(from);
    return loadOf({ ...given, connections: connections ?? benched.connections }, benched, bounds);
  }
  if (connections === undefined)
    throw new CliError("value-missing", "--connections is missing: how many clients are connected at once", {
      hint: "CloudWatch does not count them; for example --connections 1000",
    });
  const names = { functionName, apiName, stage };
  const begin = since ?? Date.now() - 24 * HOUR_MS;
  const known = measured ? await measuredLoad(await openAws(), names, { since: begin, connections }) : {};
  return loadOf({ ...given, connections }, known);
}

/** What CloudWatch tells of a load; `undefined` where it cannot be known. */
type Measured = Partial<
  Pick<Load, "messagesPerMinute" | "peoplePerBooking" | "sessionMinutes" | "invocationMs">
>;

/**
 * How a deployed stack was used since a time, for as many connections as are said to be open at once: that is
 * the one figure which CloudWatch does not have. Throws a CliError where nothing was measured.
 */
async function measuredLoad(
  aws: Aws,
  names: { functionName: string; apiName: string; stage: string },
  { since, connections }: { since: number; connections: number },
): Promise<Measured> {
  const [{ deployedStack }, { readMetrics }] = await Promise.all([
    import("../aws/deployed.ts"),
    import("../aws/metrics.ts"),
  ]);
  const { apiId } = await deployedStack(aws, names);
  const from = Math.floor(since / HOUR_MS) * HOUR_MS;
  const until = (Math.floor(Date.now() / HOUR_MS) + 1) * HOUR_MS;
  const series = await readMetrics(aws, { ...names, apiId }, { from, until, periodMs: HOUR_MS });
  const minutes = (Date.now() - from) / 60_000;
  const [invocations, connects, messages] = ["invocations", "connects", "messages"].map((name) =>
    sumOf(series, name),
  ) as [number, number, number];
  if (invocations === 0)
    throw new CliError(
      "nothing-measured",
      `CloudWatch has no invocation of ${names.functionName} in that time`,
      {
        hint: "give --since, or the figures themselves: --messages-per-minute, --people-per-booking",
      },
    );
  // A connection is an event when it opens and one when it ends; every other event is a message.
  const sent = Math.max(0, invocations - 2 * connects);
  return {
    messagesPerMinute: sent / minutes / connections,
    ...(sent > 0 ? { peoplePerBooking: Math.max(0, messages - sent) / sent } : {}),
    ...(connects > 0 ? { sessionMinutes: Math.min(120, (connections * minutes) / connects) } : {}),
    invocationMs: meanDuration(series, invocations),
  };
}

const valuesOf = (series: readonly MetricSeries[], wanted: string): readonly (number | null)[] =>
  series.find(({ name }) => name === wanted)?.values ?? [];

const sumOf = (series: readonly MetricSeries[], name: string): number =>
  valuesOf(series, name).reduce<number>((sum, value) => sum + (value ?? 0), 0);

/** The mean over all invocations, of the means of the hours. */
function meanDuration(series: readonly MetricSeries[], invocations: number): number {
  const counts = valuesOf(series, "invocations");
  const total = valuesOf(series, "durationAverage").reduce<number>(
    (sum, mean, hour) => sum + (mean ?? 0) * (counts[hour] ?? 0),
    0,
  );
  return total / invocations;
}
