import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { artifact } from "../../../src/artifact.ts";
import { startLocalAws } from "../../../src/local/server.ts";
import { newSigningKey } from "../../../src/signature.ts";
import { openTestStack } from "../../support/stack.ts";
import { needsFastApi, startUvicorn } from "../../support/uvicorn.ts";
import { needsChromium, startChromium, type Tab } from "./chromium.ts";

const example = fileURLToPath(new URL("../../../src/backend/example", import.meta.url));

beforeEach(needsFastApi);
beforeEach(needsChromium);

/** The example backend, the shipped handler in a local AWS that can be restarted, and a browser. */
async function everything() {
  const key = newSigningKey();
  const variables = { SIGNING_KEYS: key, EXAMPLE_DEV_TOKENS: "1", EXAMPLE_TOKEN_SECRET: "the tests' own" };
  const backend = await startUvicorn(example, "main", variables);
  const stateFolder = await mkdtemp(join(tmpdir(), "state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true, force: true }));
  let local = await startLocalAws({ stateFolder });
  onTestFinished(() => local.close());
  const { zip, sha256 } = await artifact();
  const stack = await openTestStack(local.url, { zip, zipSha256: sha256, backendUrl: backend.url, variables: { SIGNING_KEYS: key } });
  onTestFinished(() => stack.aws.close());
  const changes = await stack.deploy();
  const endpoint = `${changes.find(({ resource }) => resource.id === "Api")?.attributes.ApiEndpoint}/dev`;
  const browser = await startChromium();
  return {
    backend,
    open: (query: Record<string, string>, timing: Record<string, number> = {}): Promise<Tab> =>
      browser.open(
        `${backend.url}/?${new URLSearchParams({ ws: endpoint, ...query })}`,
        `window.SHELFSHACK = { timing: ${JSON.stringify({ firstDelay: 50, longestDelay: 200, ...timing })} }`,
      ),
    stopAws: () => local.close(),
    async startAws() {
      local = await startLocalAws({ stateFolder, port: Number(new URL(local.url).port) });
    },
  };
}

/** Types into the page's message field and sends, as a person does. */
const say = (tab: Tab, text: string) =>
  tab.run(`document.querySelector("#say").elements.body.value = ${JSON.stringify(text)}; document.querySelector("#say").requestSubmit()`);

const connected = (tab: Tab) => tab.sees("#status", "connected");

test("two tabs in one booking see each other's messages, another booking does not", { timeout: 60_000 }, async () => {
  const { open } = await everything();
  const [ann, ben, eve] = [
    await open({ user: "ann" }),
    await open({ user: "ben", type: "chat" }),
    await open({ user: "eve", booking: "2" }),
  ];
  console.log(Date.now() % 100000, `await`);
  await Promise.all([ann, ben, eve].map(connected));
  console.log(Date.now() % 100000, `await`);
  await say(ann, "hello <b>ben</b>");
  console.log(Date.now() % 100000, `await`);
  await ben.sees("#frames li", "ann hello <b>ben</b>");
  console.log(Date.now() % 100000, `await`);
  await say(ben, "hello ann");
  console.log(Date.now() % 100000, `await`);
  await ann.sees("#frames li", "ben hello ann");
  expect(await ben.run(`[...document.querySelectorAll("#frames li")].map((one) => one.textContent)`)).toEqual([
    "ann hello <b>ben</b>",
    "you hello ann",
  ]);
  expect(await eve.run(`document.querySelectorAll("#frames li").length`)).toBe(0);
  const late = await open({ user: "ben" });
  console.log(Date.now() % 100000, `await`);
  await late.sees("#frames li", "ben hello ann");
});

test("S25 a bad token is refused with the reason, and not for ever tried again", { timeout: 60_000 }, async () => {
  const { open, backend } = await everything();
  const token = ((await (await fetch(`${backend.url}/dev-token?user=ann&seconds=-1`)).json()) as { token: string }).token;
  for (const [bad, reason] of [
    [token, "refused: the token has expired"],
    ["made-up", "refused: the token is not ours"],
  ] as const) {
    const tab = await open({ token: bad });
    await tab.sees("#status", reason);
    expect(await tab.run("document.body.dataset.state")).toBe("refused");
    expect(await tab.run(`document.querySelector("#say").elements.send.disabled`)).toBe(true);
  }
});

test("API Gateway restarts: the page comes back by itself and goes on", { timeout: 60_000 }, async () => {
  const { open, stopAws, startAws } = await everything();
  const [ann, ben] = [await open({ user: "ann" }), await open({ user: "ben" })];
  console.log(Date.now() % 100000, `await`);
  await Promise.all([ann, ben].map(connected));
  console.log(Date.now() % 100000, `await`);
  await stopAws();
  console.log(Date.now() % 100000, `await`);
  await Promise.all([ann, ben].map((tab) => tab.sees("#status", "waiting")));
  console.log(Date.now() % 100000, `await`);
  await startAws();
  console.log(Date.now() % 100000, `await`);
  await Promise.all([ann, ben].map(connected));
  console.log(Date.now() % 100000, `await`);
  await say(ann, "still here");
  console.log(Date.now() % 100000, `await`);
  await ben.sees("#frames li", "ann still here");
});

test("the backend restarts and has forgotten everybody: the page comes back with a fresh token", { timeout: 60_000 }, async () => {
  const { open, backend } = await everything();
  const ann = await open({ user: "ann" });
  console.log(Date.now() % 100000, `await`);
  await connected(ann);
  console.log(Date.now() % 100000, `await`);
  await backend.stop();
  console.log(Date.now() % 100000, `await`);
  await say(ann, "is anybody there?");
  console.log(Date.now() % 100000, `await`);
  await ann.sees("#frames li", "error backend_unavailable");
  console.log(Date.now() % 100000, `await`);
  await backend.start();
  const another = ann.websocket("Created");
  console.log(Date.now() % 100000, `await`);
  await say(ann, "and now?");
  console.log(Date.now() % 100000, `await`);
  await ann.sees("#frames li", "error unauthorized");
  console.log(Date.now() % 100000, `await`);
  await another;
  console.log(Date.now() % 100000, `await`);
  await connected(ann);
  const ben = await open({ user: "ben" });
  console.log(Date.now() % 100000, `await`);
  await connected(ben);
  console.log(Date.now() % 100000, `await`);
  await say(ann, "back again");
  console.log(Date.now() % 100000, `await`);
  await ben.sees("#frames li", "ann back again");
});

test("it keeps itself alive, and changes to a new connection before API Gateway ends the old one", { timeout: 60_000 }, async () => {
  const { open } = await everything();
  const quiet = await open({ user: "ann" }, { keepAlive: 300 });
  console.log(Date.now() % 100000, `await`);
  await connected(quiet);
  const [ping, pong] = [quiet.websocket("FrameSent", "ping"), quiet.websocket("FrameReceived", "pong")];
  console.log(Date.now() % 100000, `await`);
  await Promise.all([ping, pong]);
  const old = await open({ user: "ben" }, { life: 2_000 });
  const next = old.websocket("Created");
  console.log(Date.now() % 100000, `await`);
  await next;
  console.log(Date.now() % 100000, `await`);
  await connected(old);
});
