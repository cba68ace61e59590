import { keys, messageEvent, startFunction, startSurroundings } from "./function-process.ts";
import type { Comparison, Row } from "./row.ts";

const targetCounts = [25, 100, 1_000];
/** Frames in all of one turn's messages, the warm-up's as many again. */
const frames = 4_000;

/** One message that goes to many. The floor sends the same requests, without signatures and rules. */
export const row: Row = {
  title: "fan-out, CPU of a frame",
  rounds: 9,
  async open() {
    const surroundings = await Promise.all(targetCounts.map(startTargets));
    const fanOut = (name: "ours" | "bare", variables: Record<string, string>) => async () => {
      const figures: Record<string, number> = {};
      for (const { targets, environment } of surroundings) {
        using warm = await startFunction(name, { ...environment, ...variables });
        await warm.handle(messageEvent, frames / targets);
        const { cpuMs } = await warm.handle(messageEvent, frames / targets);
        figures[`to${targets}`] = (cpuMs * 1_000) / frames;
      }
      return figures;
    };
    const lines = targetCounts.map((targets): Comparison["lines"][number] => ({
      figure: `to${targets}`,
      what: `to ${targets} connections`,
      unit: "µs",
      floor: "bare requests",
      goal: 1.6,
    }));
    return {
      lines,
      contenders: { ours: fanOut("ours", keys), "bare requests": fanOut("bare", {}) },
      async close() {
        for (const { close } of surroundings) await close();
      },
    };
  },
};

async function startTargets(targets: number) {
  const to = Array.from({ length: targets }, (_, at) => `UbT2a${String(at).padStart(4, "0")}IAMCJpw=`);
  const frame = { type: "message", booking_id: "1", body: "good evening" };
  return { targets, ...(await startSurroundings({ deliver: [{ to, data: frame }] })) };
}
