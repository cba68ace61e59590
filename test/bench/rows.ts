import type { Row } from "./row.ts";

/** Every row by its name, in the order in which they run. Each is one file, and loaded when it runs. */
export const rows: Readonly<Record<string, () => Promise<{ row: Row }>>> = {
  P5: () => import("./first-event.ts"),
  P6: () => import("./message.ts"),
  P6b: () => import("./fan-out.ts"),
  P8b: () => import("./gateway.ts"),
  P14: () => import("./kit.ts"),
};
