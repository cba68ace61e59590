import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, type TestContext } from "vitest";
import { WebSocket } from "ws";

const candidates = [process.env["CHROMIUM"], "chromium", "chromium-browser", "google-chrome"].filter((name) => name !== undefined);
const program = candidates.find((name) => spawnSync(name, ["--version"]).status === 0);
const missing = program === undefined ? `a browser is needed, one of: ${candidates.join(", ")} (or CHROMIUM names it)` : undefined;

/** Skips the test with the reason, or fails it where a browser is required (`REQUIRE_BROWSER=1`). */
export function needsChromium({ skip }: TestContext): void {
  if (missing && process.env["REQUIRE_BROWSER"] === "1") throw new Error(missing);
  skip(missing !== undefined, missing);
}

/** A page in a tab, by what a visitor sees and does. */
export interface Tab {
  /** Resolves as soon as the text of the elements that match `selector` contains `text`; the page tells, nobody polls. */
  sees(selector: string, text: string): Promise<void>;
  /** Runs an expression in the page. */
  run<Value>(expression: string): Promise<Value>;
  /** The next WebSocket event from the browser's own view of the network. */
  websocket(event: "Created" | "FrameSent" | "FrameReceived", containing?: string): Promise<void>;
}

type Answer = {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { message: string };
};
type Listener = (answer: Answer) => void;

/** Headless Chromium, over its DevTools protocol; it ends with the test. */
export async function startChromium() {
  const folder = await mkdtemp(join(tmpdir(), "chromium-"));
  // As root, in CI's containers, Chromium has no sandbox to go into.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const flags = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"];
  const child = spawn(program ?? "chromium", [...flags, ...sandbox, `--user-data-dir=${folder}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  onTestFinished(async () => {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const socket = new WebSocket(await debuggingAddress(child.stderr, ended));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const protocol = speak(socket);
  return { open: (url: string, before = "") => openTab(protocol, url, before) };
}

function debuggingAddress(stderr: NodeJS.ReadableStream, ended: Promise<void>): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const address = /ws:\/\/\S+/.exec(said)?.[0];
      if (address) resolve(address);
    });
    void ended.then(() => reject(new Error(`the browser ended:\n${said}`)));
  });
}

function speak(socket: WebSocket) {
  const waiting = new Map<number, Listener>();
  const listeners = new Set<Listener>();
  let last = 0;
  socket.on("message", (content: Buffer) => {
    const answer = JSON.parse(content.toString()) as Answer;
    if (answer.id === undefined) for (const listener of [...listeners]) listener(answer);
    else waiting.get(answer.id)?.(answer);
  });

  function call<Result>(method: string, params: object, sessionId?: string): Promise<Result> {
    const id = ++last;
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) =>
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as Result);
      }),
    );
  }

  function next(sessionId: string, method: string, fits: (params: Record<string, unknown>) => boolean = () => true): Promise<void> {
    return new Promise((resolve) => {
      const listener: Listener = (answer) => {
        if (answer.sessionId !== sessionId || answer.method !== method || !fits(answer.params ?? {})) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
    });
  }

  return { call, next };
}

async function openTab({ call, next }: ReturnType<typeof speak>, url: string, before: string): Promise<Tab> {
  const { targetId } = await call<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
  for (const domain of ["Page", "Network", "Runtime"]) await call(`${domain}.enable`, {}, sessionId);
  await call("Page.addScriptToEvaluateOnNewDocument", { source: before }, sessionId);
  const loaded = next(sessionId, "Page.loadEventFired");
  await call("Page.navigate", { url }, sessionId);
  await loaded;

  async function run<Value>(expression: string): Promise<Value> {
    type Evaluated = { result: { value: Value }; exceptionDetails?: { exception?: { description?: string } } };
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call<Evaluated>("Runtime.evaluate", asked, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? "the page threw");
    return result.value;
  }

  return {
    run,
    sees: (selector, text) =>
      run(`new Promise((resolve) => {
        const look = () => [...document.querySelectorAll(${JSON.stringify(selector)})]
          .some((element) => element.textContent.includes(${JSON.stringify(text)})) && resolve();
        new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
        look();
      })`),
    websocket: (event, containing = "") =>
      next(sessionId, `Network.webSocket${event}`, (params) => JSON.stringify(params).includes(containing)),
  };
}
