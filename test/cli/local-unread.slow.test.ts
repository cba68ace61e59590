import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { needsTerminal, start } from "../support/program.ts";
import { openSocket, type Socket } from "../support/socket.ts";

const program = fileURLToPath(new URL("../../bin/shelfshack-ws.js", import.meta.url));
const messages = 600;

/** A client of a stage that has got its welcome. */
async function clientOf(url: string): Promise<Socket> {
  const socket = await openSocket(`${url}?booking_id=1&token=demo`);
  await socket.next();
  return socket;
}

/** Sends messages, some at a time, and gets the answer to each: several lines of the log for every one. */
async function talk(socket: Socket): Promise<void> {
  for (let sent = 0; sent < messages; sent += 50) {
    for (let one = 0; one < 50; one++) socket.send(JSON.stringify({ body: "x".repeat(100) }));
    for (let one = 0; one < 50; one++) expect(JSON.parse(await socket.next())).toMatchObject({ type: "ack" });
  }
}

const residentMb = async (pid = 0) =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

test(
  "F-25 local serves while its output is not read, and says how much it has left out",
  {
    timeout: 60_000,
  },
  async () => {
    const child = spawn(process.execPath, [program, "local", "--port", "0", "--json"], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { PATH: process.env["PATH"], XDG_STATE_HOME: "/proc/none" },
    });
    const ended = once(child, "close");
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const lines = createInterface({ input: child.stdout });
    const documents: { kind?: string; url?: string; records?: number }[] = [];
    const reading = new Promise<string>((resolve) => {
      lines.on("line", (line) => {
        const document = JSON.parse(line) as (typeof documents)[number];
        documents.push(document);
        if (document.kind === "ready") resolve(document.url ?? "");
      });
    });
    const socket = await clientOf(await reading);
    lines.pause();
    child.stdout.pause();
    await talk(socket);
    const before = process.platform === "linux" ? await residentMb(child.pid) : 0;
    await talk(socket);
    const after = process.platform === "linux" ? await residentMb(child.pid) : 0;
    expect(after - before).toBeLessThan(40);
    const readBefore = documents.length;
    lines.resume();
    child.stdout.resume();
    while (!documents.some(({ kind }) => kind === "omitted")) await once(lines, "line");
    const { records = 0 } = documents.find(({ kind }) => kind === "omitted") ?? {};
    expect(records).toBeGreaterThan(messages);
    expect(documents.length - readBefore).toBeLessThan(records);

    // Read again, it says everything again.
    socket.send('{"body":"after"}');
    while (!documents.slice(-5).some(({ kind }) => kind === "log")) await once(lines, "line");
  },
);

test(
  "F-25 a stopped terminal (Ctrl-S) stops the output of local and nothing else",
  { timeout: 60_000 },
  async (context) => {
    needsTerminal(context);
    const local = start(["local", "--port", "0", "--json", "--no-color"], { columns: 200 });
    const said = await local.says(/"url":"ws:[^"]+"/);
    const [, url = ""] = /"url":"(ws:[^"]+)"/.exec(said) ?? [];
    const socket = await clientOf(url);
    local.type("\u0013");
    await talk(socket);
    local.type("\u0011");
    await local.says(/"kind":"omitted","records":[1-9]\d+/);
    local.type("\u0003");
    await local.ended;
  },
);
