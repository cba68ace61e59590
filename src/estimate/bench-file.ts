import * as v from "valibot";
import { jsonIn } from "../contract/json.ts";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import type { Load } from "./load.ts";

/** What `bench --json` of a day takes, and more. */
const MOST_BYTES = 64 * 1024 * 1024;

const amount = v.pipe(v.number(), v.gtValue(0), v.maxValue(1e9));

/** What is read of the JSON that `bench` prints. */
const benched = v.object({
  schemaVersion: v.literal(1),
  kind: v.literal("result"),
  plan: v.object({ connections: amount, people: amount, durationMs: amount, messageBytes: amount }),
  messages: v.object({ sent: v.number() }),
  timeline: v.array(v.object({})),
  latencyMs: v.nullable(v.object({ mean: amount })),
});

interface Benched {
  measured: Partial<Load> & { connections: number };
  /** What the run bounds without measuring it. */
  bounds: Pick<Load, "invocationMs">;
}

/**
 * The load of a run, from the file with its JSON. A run does not see the function's time: it is within that
 * of a delivery, together with the network and API Gateway. Throws a CliError for another file (exit 2), and
 * where nothing was delivered.
 */
export function benchedLoad(file: string): Benched {
  const { plan, messages, timeline, latencyMs } = readBench(file);
  if (!latencyMs || messages.sent <= 0)
    throw new CliError("nothing-measured", `nothing was delivered in the run of ${JSON.stringify(file)}`, {
      hint: "give the figures themselves: --messages-per-minute, --people-per-booking, --invocation-ms",
    });
  // A run that was stopped was shorter than planned.
  const minutes = Math.min(plan.durationMs, timeline.length * 1000) / 60_000;
  return {
    measured: {
      connections: plan.connections,
      messagesPerMinute: messages.sent / minutes / plan.connections,
      peoplePerBooking: plan.people,
      messageBytes: plan.messageBytes,
    },
    bounds: { invocationMs: latencyMs.mean },
  };
}

function readBench(file: string): v.InferOutput<typeof benched> {
  const reading = readRegular(file, MOST_BYTES);
  const refused = (why: string) =>
    new CliError("value-invalid", `${JSON.stringify(file)} ${why}`, {
      hint: "make it with bench: its option --json prints it",
    });
  if ("fault" in reading) throw refused(`cannot be read: ${reading.fault}`);
  const { success, output } = v.safeParse(benched, jsonIn(reading.bytes.toString()));
  if (success) return output;
  throw refused("is not the JSON that bench prints");
}
