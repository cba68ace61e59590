import { realisticDelays, type LocalAwsOptions } from "../../src/local/server.ts";
import { startDistantAws, ROUND_TRIP_MS } from "./distant-aws.ts";
import { callsScript, deployTo, msUntilDone } from "./program.ts";
import type { Row } from "./row.ts";

const { roleDelayMs, createDelayMs } = realisticDelays;

/**
 * What cannot be shorter: a role is made, and can be used some seconds later; then a function, which is ready
 * some time after that; and that is asked for.
 */
const waits = ["call", "call", String(roleDelayMs), "call", String(createDelayMs), "call"];

/** A deploy of everything to an account that has nothing, with the waits of AWS. */
export const row: Row = {
  title: "first deploy, process",
  rounds: 3,
  async open() {
    return {
      lines: [
        { figure: "far", what: "120 ms a call", unit: "ms", floor: "waits", goal: 1.08 },
        { figure: "near", what: "no round trip", unit: "ms", floor: "waits", goal: 1.08 },
      ],
      contenders: {
        ours: async () => ({
          far: await inNewAccount(ROUND_TRIP_MS, (url) => deployTo(url)),
          near: await inNewAccount(0, (url) => deployTo(url)),
        }),
        waits: async () => ({
          far: await inNewAccount(ROUND_TRIP_MS, (url) => [callsScript, url, ...waits]),
          near: await inNewAccount(0, (url) => [callsScript, url, ...waits]),
        }),
      },
    };
  },
};

async function inNewAccount(roundTripMs: number, words: (url: string) => string[]): Promise<number> {
  const options: LocalAwsOptions = { roleDelayMs, createDelayMs };
  const aws = await startDistantAws(options, roundTripMs);
  try {
    return await msUntilDone(words(aws.url));
  } finally {
    await aws.close();
  }
}
