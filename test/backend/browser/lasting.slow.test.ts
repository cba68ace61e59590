import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page, type WebSocket } from "playwright-core";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../../src/artifact/zip.ts";
import { startLocalAws } from "../../../src/local/server.ts";
import { newSigningKey } from "../../../src/contract/signature.ts";
import { executablePath, needsBrowser } from "../../support/browser.ts";
import { startUvicorn } from "../../support/uvicorn.ts";
import { openTestStack } from "../../support/stack.ts";

const example = fileURLToPath(new URL("../../../src/backend/example", import.meta.url));

beforeEach(needsBrowser);

/** A local AWS that can be stopped, and started again at the same address with what it held. */
async function restartable() {
  const stateFolder = await mkdtemp(join(tmpdir(), "state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true, force: true }));
  let local = await startLocalAws({ stateFolder });
  onTestFinished(() => local.close());
  const { url } = local;
  const start = async () =>
    void (local = await startLocalAws({ stateFolder, port: Number(new URL(url).port) }));
  return { url, stop: () => local.close(), start };
}

/**
 * The example's page in a browser, where hours are milliseconds; every WebSocket that it opens, and every
 * frame that it gets.
 */
async function pageWith(timing: Record<string, number>) {
  const variables = { SIGNING_KEYS: newSigningKey() };
  const backend = await startUvicorn(example, "main", { ...variables, EXAMPLE_DEV_TOKENS: "1" });
  const local = await restartable();
  const { zip, sha256 } = await packageHandler();
  const stack = await openTestStack(local.url, {
    zip,
    zipSha256: sha256,
    backendUrl: backend.url,
    variables,
  });
  const changes = await stack.deploy();
  const url = `${changes.find(({ resource }) => resource === stack.stack.api)?.attributes.ApiEndpoint}/dev`;
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const sockets: WebSocket[] = [];
  const heard: string[] = [];
  page.on("websocket", (socket) => {
    sockets.push(socket);
    socket.on("framereceived", ({ payload }) => heard.push(payload.toString()));
  });
  await page.addInitScript(
    `window.SHELFSHACK = ${JSON.stringify({ timing: { firstDelay: 20, longestDelay: 100, ...timing } })}`,
  );
  await page.goto(
    `${backend.url}/?${new URLSearchParams({ ws: url, booking: "1", user: "Ann" }).toString()}`,
  );
  return { page, sockets, heard, local };
}

const isHistory = (frame: string) => frame.startsWith('{"type":"history"');

async function isOpen(page: Page) {
  await expect.poll(() => page.getAttribute("body", "data-state"), { timeout: 20_000 }).toBe("open");
}

test(
  "an idle page sends a ping before API Gateway's idle timeout and gets a pong",
  { timeout: 60_000 },
  async () => {
    const { page, sockets, heard } = await pageWith({ keepAlive: 200 });
    await isOpen(page);
    const said: string[] = [];
    sockets[0]?.on("framesent", ({ payload }) => said.push(payload.toString()));
    const pongs = () => heard.filter((frame) => !isHistory(frame));
    await expect.poll(() => pongs().length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(new Set(said)).toEqual(new Set(['{"type":"ping"}']));
    expect(new Set(pongs())).toEqual(new Set(['{"type":"pong"}']));
    expect(sockets.length).toBe(1);
  },
);

test(
  "the page moves to a new connection before the two hours of the old one are over",
  { timeout: 60_000 },
  async () => {
    const { page, sockets } = await pageWith({ life: 1_000 });
    await expect.poll(() => sockets.length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(sockets[0]?.isClosed()).toBe(true);
    await isOpen(page);
  },
);

test(
  "API Gateway restarts: the page waits, reconnects and has the history",
  { timeout: 60_000 },
  async () => {
    const { page, sockets, heard, local } = await pageWith({});
    const say = async (body: string) => {
      await page.getByLabel("Message", { exact: true }).fill(body);
      await page.getByRole("button", { name: "Send" }).click();
    };
    const words = page.locator("#frames li");
    const unconfirmed = page.locator("#frames .unconfirmed");
    await isOpen(page);
    await say("before");
    await expect.poll(() => words.allInnerTexts()).toEqual(["you before"]);
    await expect.poll(() => unconfirmed.count()).toBe(0);
    // Whether this one arrives, and whether its ack does, is a matter of luck.
    await say("at the last moment");
    await local.stop();
    await expect.poll(() => sockets.length, { timeout: 20_000 }).toBeGreaterThan(3);
    expect(await page.getByRole("status").innerText()).toMatch(
      /^(waiting: no connection, again in 0\.\d s|connecting …)$/,
    );
    await local.start();
    await isOpen(page);
    await expect.poll(() => heard.filter(isHistory).length).toBe(2);
    await say("after");
    await expect
      .poll(() => page.locator("#frames li:not(.unconfirmed)").last().innerText())
      .toBe("you after");
    // What the page said itself is in the history too, and is not shown a second time.
    expect(await words.allInnerTexts()).toEqual(["you before", "you at the last moment", "you after"]);
  },
);
