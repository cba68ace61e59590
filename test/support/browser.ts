import { existsSync } from "node:fs";
import type { TestContext } from "vitest";
import { needsFastApi } from "./uvicorn.ts";

/** Where Chromium is; `CHROMIUM` names another place. */
export const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Keep Chromium from connecting to any other address than the page's. */
export const quietArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Skips a test, with the reason, where FastAPI or a browser is missing; with REQUIRE_BACKEND=1 it fails. */
export function needsBrowser(context: TestContext): void {
  needsFastApi(context);
  needsChromium(context);
}

/** The same of the browser alone. */
export function needsChromium(context: TestContext): void {
  const missing = existsSync(executablePath)
    ? undefined
    : `a browser is needed: ${executablePath} is not there`;
  if (missing && process.env["REQUIRE_BACKEND"] === "1") throw new Error(missing);
  context.skip(missing !== undefined, missing);
}
