import {
  keys,
  messageEvent,
  startFunction,
  startSurroundings,
  type FunctionName,
} from "./function-process.ts";
import type { Row } from "./row.ts";

/** A cold start: a process is started, loads the function, and handles its first message. */
export const row: Row = {
  title: "the handler's cold start, CPU",
  rounds: 15,
  async open() {
    const { environment, close } = await startSurroundings({ response: "processed" });
    const start = (name: FunctionName) => async () => {
      using started = await startFunction(name, { ...environment, ...keys });
      const first = await started.handle(messageEvent, 1);
      return { load: started.loaded.soFarMs, first: first.cpuMs, cold: first.soFarMs };
    };
    return {
      lines: [
        { figure: "cold", what: "start to first answer", unit: "ms", floor: "no-op", goal: 2 },
        { figure: "load", what: "until it is loaded", unit: "ms", floor: "no-op", goal: 2 },
        { figure: "first", what: "first event after that", unit: "ms", floor: "bare", goal: 1.3 },
      ],
      contenders: {
        ours: start("ours"),
        "no-op": start("no-op"),
        bare: start("bare"),
        SDK: start("SDK"),
      },
      close,
    };
  },
};
