import type { Row } from "./row.ts";

/** Every row by its name, in the order in which they run. Each is one file, and loaded when it runs. */
export const rows: Readonly<Record<string, () => Promise<{ row: Row }>>> = {
  P1: () => import("./start-up.ts"),
  P1b: () => import("./first-call.ts"),
  P2: () => import("./first-deploy.ts"),
  P3: () => import("./no-change.ts"),
  P4: () => import("./code-only.ts"),
  P5: () => import("./first-event.ts"),
  P6: () => import("./message.ts"),
  P6b: () => import("./fan-out.ts"),
  P7: () => import("./size.ts"),
  P8: () => import("./gateway.ts"),
  P8e: () => import("./records.ts"),
  P10: () => import("./first-echo.ts"),
  P11: () => import("./load.ts"),
  P12: () => import("./many-apis.ts"),
  P13: () => import("./history.ts"),
  P14: () => import("./kit.ts"),
  P15: () => import("./demo.ts"),
};

/** What the short form measures: a minute in all. */
export const shortRows = ["P1", "P1b", "P3", "P4", "P5", "P6", "P10"];
