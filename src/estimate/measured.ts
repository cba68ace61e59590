import type { Aws } from "../aws/clients.ts";
import type { MetricSeries } from "../aws/metrics.ts";
import { CliError } from "../errors/error.ts";
import { benchedLoad } from "./bench-file.ts";
import { loadOf, type Estimate, type GivenLoad, type Load, type Untold } from "./load.ts";

const HOUR_MS = 3_600_000;
/** Of a longer time whole hours are read. */
const LONG_MS = 7 * 24 * HOUR_MS;
const SHORT_PERIOD_MS = 5 * 60_000;

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
  if (!measured) return loadOf({ ...given, connections });
  const { known, untold } = await measuredLoad(await openAws(), names, { since: begin, connections });
  return loadOf({ ...given, connections }, known, {}, untold);
}

/** What CloudWatch tells of a load, and what it does not. */
interface Measured {
  known: Partial<Load>;
  untold: Untold[];
}

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
  const periodMs = Date.now() - since > LONG_MS ? HOUR_MS : SHORT_PERIOD_MS;
  const from = Math.floor(since / periodMs) * periodMs;
  const until = (Math.floor(Date.now() / periodMs) + 1) * periodMs;
  const series = await readMetrics(aws, { ...names, apiId }, { from, until, periodMs });
  // What was before it was first used says nothing.
  const first = valuesOf(series, "invocations").findIndex((count) => (count ?? 0) > 0);
  const minutes = (Date.now() - from - first * periodMs) / 60_000;
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
  const { known, untold } = usedIn({ minutes, connections, invocations, connects, messages });
  return { known: { ...known, invocationMs: meanDuration(series, invocations) }, untold };
}

/** How long API Gateway keeps a connection (AWS.md 1.12). */
const LONGEST_MINUTES = 120;

/** What was counted in some minutes, and how many connections are said to have been open. */
interface Counts {
  minutes: number;
  connections: number;
  invocations: number;
  connects: number;
  messages: number;
}

/** What counts say of clients: what they cannot say is not made up. */
export function usedIn({ minutes, connections, invocations, connects, messages }: Counts): Measured {
  // A connection is an event when it opens and one when it ends; every other event is a message.
  const sent = Math.max(0, invocations - 2 * connects);
  const sessionMinutes = connects > 0 ? (connections * minutes) / connects : Infinity;
  const shown = Math.max(1, Math.floor(minutes));
  if (minutes < LONGEST_MINUTES)
    return {
      known: {},
      untold: untoldOf(
        ["messagesPerMinute", "peoplePerBooking", "sessionMinutes"],
        `the stack was used for ${shown} min, and a connection may last ${LONGEST_MINUTES}`,
      ),
    };
  const isPossible = sessionMinutes <= LONGEST_MINUTES;
  return {
    known: {
      messagesPerMinute: sent / minutes / connections,
      ...(sent > 0 ? { peoplePerBooking: Math.max(0, messages - sent) / sent } : {}),
      ...(isPossible ? { sessionMinutes } : {}),
    },
    untold: [
      ...(sent > 0 ? [] : untoldOf(["peoplePerBooking"], "no message was sent")),
      ...(isPossible
        ? []
        : untoldOf(["sessionMinutes"], `${connects} handshakes do not keep ${connections} connections open`)),
    ],
  };
}

const untoldOf = (figures: readonly Untold["figure"][], why: string): Untold[] =>
  figures.map((figure) => ({ figure, why }));

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
