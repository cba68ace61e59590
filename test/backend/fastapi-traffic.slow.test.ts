import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { asking, chat } from "../support/chat.ts";
import { run } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { needsFastApi } from "../support/uvicorn.ts";
import { wholePath } from "../support/whole-path.ts";

beforeEach(needsFastApi);

/** A machine that is busy with something else must not turn the rate into a backlog. */
const MOST_UNDER_WAY = 100;

/**
 * Four clients send numbered messages at a rate while something happens; collects what comes back for each of
 * them.
 */
async function traffic(
  url: string,
  { perSecond, during }: { perSecond: number; during(answered: () => Promise<void>): Promise<unknown> },
) {
  const outcome = { sent: 0, answered: 0, errors: [] as string[] };
  const heard = (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as { type: string; code?: string };
    if (frame.type === "ack") outcome.answered++;
    if (frame.type === "error") outcome.errors.push(frame.code ?? "");
  };
  const join = async (name: string) => {
    const socket = await openSocket(asking(url, `of ${name}`, name));
    socket.webSocket.on("message", heard);
    return socket;
  };
  const clients = await Promise.all(["ann", "ben", "cleo", "dan"].map(join));
  const timer = setInterval(
    () => {
      const underWay = outcome.sent - outcome.answered - outcome.errors.length;
      if (underWay < MOST_UNDER_WAY)
        for (const { send } of clients) send(JSON.stringify({ n: outcome.sent++ }));
    },
    (1_000 * clients.length) / perSecond,
  );
  const seen = () => outcome.answered + outcome.errors.length;
  await during(async () => {
    const sent = outcome.sent;
    await expect.poll(seen, { timeout: 30_000 }).toBeGreaterThanOrEqual(sent);
  });
  clearInterval(timer);
  await expect.poll(seen, { timeout: 30_000 }).toBe(outcome.sent);
  return outcome;
}

test(
  "H-32 keys rotated in four steps under 200 messages/s: none is rejected",
  { timeout: 120_000 },
  async () => {
    const { url, backend, local, stack } = await wholePath(chat);
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
    const keys = async () => {
      const { Environment } = await stack.aws.lambda.send(
        new GetFunctionConfigurationCommand({ FunctionName: "shelfshack-websocket-proxy" }),
      );
      return Environment?.Variables?.SIGNING_KEYS?.split(/[\s,]+/) ?? [];
    };
    const give = async (known: readonly string[]) => {
      const answer = await fetch(`${backend.url}/reload`, { method: "POST", body: known.join(",") });
      expect(answer.status).toBe(200);
    };
    const rotation = async (answered: () => Promise<void>) => {
      expect((await run(["backend", "keys", "rotate"], { env })).code).toBe(0);
      const both = await keys();
      expect(both).toHaveLength(2);
      await give(both);
      // What waited for a function before the rotation is still signed with the old key alone.
      await answered();
      expect((await run(["backend", "keys", "rotate", "--finish"], { env })).code).toBe(0);
      expect(await keys()).toEqual(both.slice(0, 1));
      await give(both.slice(0, 1));
    };
    const threeTimes = async (answered: () => Promise<void>) => {
      for (let n = 0; n < 3; n++) await rotation(answered);
    };
    const outcome = await traffic(url, { perSecond: 200, during: threeTimes });
    expect(outcome.errors).toEqual([]);
    expect(outcome.answered).toBe(outcome.sent);
    expect(outcome.sent).toBeGreaterThan(100);
  },
);

test(
  "H-02 the backend restarts under 200 messages/s: every message is answered or has its error frame",
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-backend-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { url, backend } = await wholePath({ ...chat, env: { KEPT: join(folder, "connections.json") } });
    const restart = () => backend.stop().then(() => backend.start());
    const outcome = await traffic(url, { perSecond: 200, during: restart });
    expect(outcome.answered + outcome.errors.length).toBe(outcome.sent);
    expect(outcome.errors.filter((code) => code !== "backend_unavailable")).toEqual([]);
  },
);
