import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { benchPage } from "../../src/bench/page.ts";
import { benchResult } from "../support/bench-result.ts";
import { executablePath, needsChromium, quietArguments } from "../support/browser.ts";

beforeEach(needsChromium);

const forging = `document.title='forged'`;
const hostile = `x"><script>${forging}</script><img src=x onerror="${forging}">\u202e`;

/** How many lines the label takes that takes the most. */
const mostLines = `Math.max(...[...document.querySelectorAll(".x span, .y span")].map((label) => {
  const range = document.createRange();
  range.selectNodeContents(label);
  return new Set([...range.getClientRects()].map(({ top }) => top)).size;
}))`;

/** A report of a hostile server, as a file. */
async function reportFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bench-page-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const result = benchResult({
    url: `ws://127.0.0.1:4566/${hostile}/${"long".repeat(60)}`,
    reasons: [{ reason: hostile, count: 3 }],
    thresholds: [
      { threshold: "p99<100ms", measure: "p99", actual: 42.123, met: true },
      { threshold: hostile, measure: "lost", actual: null, met: false },
    ],
  });
  const file = join(folder, "report.html");
  await writeFile(file, benchPage(result, new Date()));
  return file;
}

test("F-16 S51 the report in a browser: nothing is loaded or run, all widths fit", async () => {
  const browser = await chromium.launch({ executablePath, args: quietArguments });
  onTestFinished(() => browser.close());
  const file = await reportFile();
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [360, 800, 1600]) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      const [requests, errors]: [string[], string[]] = [[], []];
      page.on("request", (request) => requests.push(request.url()));
      page.on("console", (message) => errors.push(message.text()));
      await page.goto(pathToFileURL(file).href);
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(errors).toEqual([]);
      expect(await page.title()).toContain("bench of ws://127.0.0.1:4566/x");
      expect(await page.locator("script, img").count()).toBe(0);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      for (const figure of await page.locator("figure").all()) {
        const [whole, plot] = [await figure.boundingBox(), await figure.locator("svg").boundingBox()];
        expect(plot?.width).toBeGreaterThan(0.75 * (whole?.width ?? Infinity));
      }
      expect(await page.evaluate(mostLines)).toBe(1);
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
        colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(21, 24, 28)",
      );
      await page.close();
    }
  }
});
