import {
  keys,
  messageEvent,
  startFunction,
  startSurroundings,
  type FunctionName,
} from "./function-process.ts";
import type { Row } from "./row.ts";

const times = 400;

/** A message of a function that is warm: asked of the backend, answered, sent to the client. */
export const row: Row = {
  title: "a warm message, CPU",
  rounds: 9,
  async open() {
    const { environment, close } = await startSurroundings({ response: "processed" });
    const message = (name: FunctionName) => async () => {
      using warm = await startFunction(name, { ...environment, ...keys });
      await warm.handle(messageEvent, times);
      const { cpuMs } = await warm.handle(messageEvent, times);
      return { message: cpuMs / times };
    };
    return {
      lines: [{ figure: "message", what: "one message", unit: "ms", floor: "SDK", goal: 0.4 }],
      contenders: { ours: message("ours"), SDK: message("SDK"), bare: message("bare") },
      close,
    };
  },
};
