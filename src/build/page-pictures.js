// `npm run picture` also takes .github/console.png and .github/bench-report.png, of real pages with real
// messages, in Chromium (`CHROMIUM` names another place than /usr/bin/chromium).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));

const program = "bin/shelfshack-ws.js";
const run = (...args) => spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "ignore"] });

const folder = mkdtempSync(join(tmpdir(), "shelfshack-ws-pictures-"));
const report = join(folder, "report.html");
const local = run("local", "--port", "0", "--state", join(folder, "state"), "--json");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const { consoleUrl, url } = await ready();
  const page = await browser.newPage({ viewport: { width: 1_200, height: 640 } });
  await page.goto(consoleUrl);
  await page.locator('#state[data-live="true"]').waitFor();
  const load = ["--connections", "20", "--rate", "40", "--duration", "10s", "--token", "demo"];
  await once(run("bench", "--url", url, ...load, "--report", report), "exit");
  await page.locator("#filter").fill("message");
  await page.locator("#rows .row.messages").nth(3).click();
  await page.locator("#detail .fall").waitFor();
  await page.screenshot({ path: ".github/console.png" });
  await page.goto(pathToFileURL(report).href);
  await page.setViewportSize({ width: 1_000, height: 760 });
  await page.screenshot({ path: ".github/bench-report.png" });
} finally {
  await browser.close();
  local.kill("SIGINT");
  await once(local, "exit");
  rmSync(folder, { recursive: true });
}

/** What `local` says when it is ready. */
async function ready() {
  for await (const line of createInterface(local.stdout)) {
    const item = JSON.parse(line);
    if (item.kind === "ready") return item;
  }
  throw new Error("local has ended");
}
