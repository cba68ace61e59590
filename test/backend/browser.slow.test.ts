import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { executablePath, needsBrowser, quietArguments } from "../support/browser.ts";
import { wholePath } from "../support/whole-path.ts";

const example = {
  folder: fileURLToPath(new URL("../../src/backend/example", import.meta.url)),
  module: "main",
  env: { EXAMPLE_DEV_TOKENS: "1" },
};

beforeEach(needsBrowser);

/** The example's page in headless Chromium; a tab is a person. */
async function browser() {
  const { url, backend } = await wholePath(example);
  const started = await chromium.launch({ executablePath, args: quietArguments });
  onTestFinished(() => started.close());
  const open = async (query: Record<string, string>): Promise<Page> => {
    const page = await started.newPage();
    await page.goto(`${backend.url}/?${new URLSearchParams({ ws: url, booking: "1", ...query }).toString()}`);
    return page;
  };
  const join = async (user: string, booking = "1") => {
    const page = await open({ user, booking });
    await expectState(page, "open");
    return page;
  };
  return { backend, open, join };
}

async function expectState(page: Page, state: string): Promise<void> {
  await expect.poll(() => page.getAttribute("body", "data-state"), { timeout: 20_000 }).toBe(state);
}
const frames = (page: Page) => page.locator("#frames li").allInnerTexts();
const say = async (page: Page, body: string) => {
  await page.getByLabel("Message", { exact: true }).fill(body);
  await page.getByRole("button", { name: "Send" }).click();
};

test(
  "two tabs in one booking see each other's messages once, another booking sees none",
  { timeout: 60_000 },
  async () => {
    const { join } = await browser();
    const [ann, ben, eve] = [await join("Ann"), await join("Ben"), await join("Eve", "2")];
    await say(ann, "Is the cabin free?");
    await expect.poll(() => frames(ben)).toEqual(["Ann Is the cabin free?"]);
    await say(ben, "Yes, it is <b>free</b>");
    await expect.poll(() => frames(ann)).toEqual(["you Is the cabin free?", "Ben Yes, it is <b>free</b>"]);
    expect(await frames(eve)).toEqual([]);
  },
);

test("a bad token is refused, and the page says why", { timeout: 60_000 }, async () => {
  const { open } = await browser();
  const page = await open({ token: "not.a.token" });
  await expectState(page, "refused");
  expect(await page.getByRole("status").innerText()).toMatch(/^refused: \S+/);
});

test("the backend restarts: the page reconnects and continues", { timeout: 60_000 }, async () => {
  const { join, backend } = await browser();
  const [ann, ben] = [await join("Ann"), await join("Ben")];
  await backend.stop();
  await say(ann, "hello?");
  await expect.poll(() => frames(ann), { timeout: 20_000 }).toContain("error backend_unavailable");
  await backend.start();
  // What the backend remembered is gone: the first message sends each client away, and it comes back with a
  // fresh token.
  await Promise.all([say(ann, "back?"), say(ben, "back?")]);
  await expect.poll(() => frames(ann), { timeout: 20_000 }).toContain("error unauthorized");
  await Promise.all([expectState(ann, "open"), expectState(ben, "open")]);
  await expect
    .poll(
      async () => {
        await say(ann, "here I am");
        return await frames(ben);
      },
      { timeout: 20_000, interval: 500 },
    )
    .toContain("Ann here I am");
});
