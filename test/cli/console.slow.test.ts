import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { executablePath, needsChromium } from "../support/browser.ts";
import { start } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";

beforeEach(needsChromium);

interface Ready {
  url: string;
  consoleUrl: string;
}

const rows = (page: Page) => page.locator("#rows .row");
const tab = (page: Page, name: string) => page.getByRole("tab", { name });

/** The console of a `local` with its demo backend, in a tab of headless Chromium. */
async function openedConsole(args: readonly string[] = []) {
  const local = start(["local", "--port", "0", "--fresh", "--json", ...args], { input: null });
  const said = await local.says(/"kind":"ready".*\n/);
  const line = said.split("\n").find((text) => text.includes('"kind":"ready"')) ?? "";
  const { url, consoleUrl } = JSON.parse(line) as Ready;
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu"],
    // Its scrollbars take room, as those of most browsers do.
    ignoreDefaultArgs: ["--hide-scrollbars"],
  });
  onTestFinished(() => browser.close());
  const faults: string[] = [];
  const openPage = async (address: string) => {
    const page = await browser.newPage({ viewport: { width: 1_600, height: 900 } });
    page.setDefaultTimeout(10_000);
    page.on("pageerror", ({ message }) => faults.push(message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(address);
    return page;
  };
  const page = await openPage(consoleUrl);
  await expect.poll(() => page.locator("#state").innerText()).toBe("live");
  const client = (booking: string, name: string) =>
    openSocket(`${url}?booking_id=${booking}&token=demo-${name}`);
  return { page, openPage, local, consoleUrl, client, faults };
}

test("a message shows with its hops, its text and its log lines, and can be sent again", async () => {
  const { page, client, faults } = await openedConsole();
  const ann = await client("7", "ann");
  const ben = await client("7", "ben");
  ann.send(JSON.stringify({ body: "is it free? I am demo-ann", token: "canary-token" }));
  await expect.poll(() => rows(page).filter({ hasText: "message" }).count()).toBe(1);
  await rows(page).filter({ hasText: "message" }).click();
  const detail = page.locator("#detail");
  await expect
    .poll(() => detail.locator(".fall").innerText())
    .toMatch(/gateway[\s\S]*function[\s\S]*backend/);
  expect(await detail.innerText()).toContain("is it free?");
  expect(await detail.innerText()).toContain("billed");
  expect(await detail.innerText()).toContain("I am ***");
  expect(await page.content()).not.toMatch(/canary-token|demo-ann/);
  await detail.getByRole("button", { name: "Replay" }).click();
  await expect.poll(() => rows(page).filter({ hasText: "message" }).count()).toBe(2);
  // What the replay sent is what the client sent, its token included: the backend hears it whole.
  const heard: string[] = [];
  while (heard.length < 2) {
    const frame = await ben.next();
    if (frame.includes("is it free?")) heard.push(frame);
  }
  expect(faults).toEqual([]);
});

test("connections come and go, get a frame, and can be closed", async () => {
  const { page, client, faults } = await openedConsole();
  const ann = await client("7", "ann");
  await tab(page, "Connections").click();
  await expect.poll(() => rows(page).count()).toBe(1);
  await rows(page).first().click();
  const detail = page.locator("#detail");
  await detail.getByLabel("A frame to the client").fill('{"type":"from the console"}');
  await detail.getByRole("button", { name: "Send to the client" }).click();
  await expect.poll(async () => await ann.next(), { timeout: 5_000 }).toContain("from the console");
  await detail.getByRole("button", { name: "Close the connection" }).click();
  await ann.closed();
  await expect.poll(() => rows(page).count()).toBe(0);
  expect(faults).toEqual([]);
});

test("it is worked by keys alone, and the filter finds a booking, a text, an error", async () => {
  const { page, client } = await openedConsole();
  const [ann, eve] = [await client("7", "ann"), await client("8", "eve")];
  ann.send('{"body":"one"}');
  eve.send('{"body":"two"}');
  await expect.poll(() => rows(page).filter({ hasText: "message" }).count()).toBe(2);
  await page.keyboard.press("2");
  await page.keyboard.press("/");
  await page.keyboard.type("two");
  await expect
    .poll(() => rows(page).allInnerTexts())
    .toSatisfy((texts: string[]) => texts.length > 0 && texts.every((text) => text.includes("two")));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("1");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator("#detail").isVisible()).toBe(true);
  await page.keyboard.press("Escape");
  await expect.poll(() => page.locator("#detail").isVisible()).toBe(false);
  await page.keyboard.press("p");
  await expect.poll(() => page.locator("#pause").innerText()).toMatch(/^Go on/);
  const before = await rows(page).count();
  ann.send('{"body":"three"}');
  await expect.poll(() => page.locator("#pause").innerText()).toMatch(/^Go on \([1-9]/);
  expect(await rows(page).count()).toBe(before);
  await page.keyboard.press("p");
  await expect.poll(() => rows(page).count()).toBeGreaterThan(before);
});

/** Where the cells of the head and of the first row begin and end, by their name. */
const columnsOf = (page: Page) =>
  page.evaluate<Record<"head" | "row", [string, number[]][]>>(`Object.fromEntries(
    [["head", "#head .row"], ["row", "#rows .row"]].map(([name, path]) => [
      name,
      [...document.querySelector(path).children]
        .map((cell) => [cell.className.replace(/ ?(quiet|bad|bars) ?/g, ""), cell.getBoundingClientRect()])
        .filter(([, { width }]) => width > 0)
        .map(([cell, { left, right }]) => [cell, [left, right]]),
    ]),
  )`);

test("what others send stays text, at every width", async () => {
  const { page, client, faults } = await openedConsole();
  const ann = await client("7", "ann");
  const hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>\u202e\u001b[31m";
  ann.send(JSON.stringify({ body: hostile }));
  ann.send(hostile);
  await tab(page, "Frames").click();
  await expect.poll(() => rows(page).filter({ hasText: "onerror" }).count()).toBeGreaterThanOrEqual(2);
  await rows(page).filter({ hasText: "onerror" }).first().click();
  expect(await page.locator("img, #detail script, #rows script").count()).toBe(0);
  const widths = [360, 500, 800, 1_600];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 740 });
    const wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(wide, `${width} px`).toBeLessThanOrEqual(0);
  }
  await page.keyboard.press("Escape");
  await tab(page, "Messages").click();
  await expect.poll(() => rows(page).count()).toBeGreaterThan(0);
  for (const width of widths) {
    await page.setViewportSize({ width, height: 740 });
    const columns = await columnsOf(page);
    expect(columns.head, `${width} px`).toEqual(columns.row);
    expect(columns.row, `${width} px`).toContainEqual([expect.stringContaining("result"), expect.anything()]);
  }
  expect(faults).toEqual([]);
});

test("with --verify-signatures the printed address is good for one page", async () => {
  const { page, openPage, consoleUrl } = await openedConsole(["--verify-signatures"]);
  expect(consoleUrl).toContain("#key=");
  expect(page.url()).not.toContain("key=");
  const again = await openPage(consoleUrl);
  await expect.poll(() => again.locator("#state").innerText()).toMatch(/^refused/);
});

test("--open with a key shows the key in no process's arguments", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-open-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const told = join(folder, "told");
  // Stands for the desktop's opener, and says what it was given.
  const opener = `#!/bin/sh\nprintf '%s' "$1" > ${told}.part && mv ${told}.part ${told}\n`;
  await writeFile(join(folder, "xdg-open"), opener, { mode: 0o755 });
  const openedWith = async (...args: string[]) => {
    await rm(told, { force: true });
    const env = { PATH: `${folder}:${process.env["PATH"]}`, TMPDIR: folder };
    const local = start(["local", "--port", "0", "--fresh", "--json", "--open", ...args], {
      input: null,
      env,
    });
    const said = await local.says(/"consoleUrl":"[^"]+"/);
    await expect.poll(() => existsSync(told), { timeout: 5_000 }).toBe(true);
    const opened = await readFile(told, "utf8");
    return { opened, consoleUrl: /"consoleUrl":"([^"]+)"/.exec(said)?.[1] ?? "", local };
  };
  const plain = await openedWith();
  expect(plain.opened).toBe(plain.consoleUrl);
  const keyed = await openedWith("--verify-signatures");
  expect(keyed.opened).toMatch(/open\.html$/);
  expect(await readFile(keyed.opened, "utf8")).toContain(keyed.consoleUrl);
  expect((await stat(keyed.opened)).mode & 0o777).toBe(0o600);
  keyed.local.signal("SIGINT");
  await keyed.local.ended;
  expect(existsSync(keyed.opened)).toBe(false);
});
