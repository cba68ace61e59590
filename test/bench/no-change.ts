import { startDistantAws } from "./distant-aws.ts";
import { callsScript, deployTo, msUntilDone } from "./program.ts";
import type { Row } from "./row.ts";

/** A deploy of what is there already, each call to AWS taking 120 ms. */
export const row: Row = {
  title: "deploy without a change, process",
  rounds: 9,
  async open() {
    const aws = await startDistantAws();
    await msUntilDone(deployTo(aws.nearUrl));
    let different = NaN;
    return {
      lines: [
        { figure: "time", what: "start to end", unit: "ms", floor: "one round trip", goal: 2.9 },
        { figure: "calls", what: "calls", unit: "calls", floor: "each once", goal: 1 },
        { figure: "inARow", what: "calls in a row", unit: "calls", floor: "one round trip", goal: 1 },
      ],
      contenders: {
        ours: async () => {
          aws.forget();
          const time = await msUntilDone(deployTo(aws.url));
          const { total, inARow, ...figures } = aws.calls();
          different = figures.different;
          return { time, calls: total, inARow };
        },
        "one round trip": async () => {
          aws.forget();
          return { time: await msUntilDone([callsScript, aws.url, "call"]), inARow: aws.calls().inARow };
        },
        "each once": async () => ({ calls: different }),
      },
      close: aws.close,
    };
  },
};
