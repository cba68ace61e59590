import { execFile, spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { Agent, request, type RequestOptions } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Row } from "./row.ts";

const run = promisify(execFile);

/** The Python to use has FastAPI and uvicorn. */
const python = process.env["PYTHON"] ?? "python3";
const script = fileURLToPath(new URL("../test/bench/kit.py", import.meta.url));
const environment = {
  ...process.env,
  PYTHONPATH: fileURLToPath(new URL("../src/backend", import.meta.url)),
  PYTHONDONTWRITEBYTECODE: "1",
};

const inFlight = 16;
const warmUpMs = 500;
const measuredMs = 2_000;
const key = Buffer.from("k".repeat(32));

/** A request of the kit over a bare FastAPI endpoint, in process and under uvicorn with one worker. */
export const row: Row = {
  title: "the FastAPI kit",
  rounds: 9,
  async open() {
    const install = "pip install -r test/backend/python/requirements.txt";
    if (spawnSync(python, ["-c", "import fastapi, uvicorn"]).status !== 0) return { missing: install };
    const contender = (name: string) => async () => {
      const { stdout } = await run(python, [script, "cpu", name], { env: environment });
      return { inProcess: Number(stdout), ...(await underLoad(name)) };
    };
    return {
      lines: [
        { figure: "inProcess", what: "CPU in process", unit: "µs", floor: "bare endpoint", goal: 1.4 },
        { figure: "rate", what: "requests, one worker", unit: "/s", floor: "bare endpoint", goal: 0.85 },
        { figure: "served", what: "CPU, one worker", unit: "µs", floor: "bare endpoint", goal: 1.4 },
      ],
      contenders: {
        ours: contender("ours"),
        "bare endpoint": contender("bare"),
        "with a model": contender("model"),
      },
    };
  },
};

/** Requests per second, and the server's CPU time for each, microseconds. */
async function underLoad(name: string) {
  const server = spawn(python, [script, "serve", name], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight + 1 });
  try {
    const [port] = (await once(server.stdout, "data")) as [Buffer];
    return await loaded({ agent, host: "127.0.0.1", port: Number(port) });
  } finally {
    agent.destroy();
    server.kill("SIGKILL");
  }
}

async function loaded(server: RequestOptions) {
  let sent = 0;
  let isOver = false;
  const worker = async () => {
    while (!isOver) await answered(server, signedMessage(sent++));
  };
  const cpuSeconds = async () => Number(await answered(server, { path: "/cpu" }));
  const workers = Promise.all(Array.from({ length: inFlight }, worker));
  await delay(warmUpMs);
  const [sentBefore, cpuBefore, startedAt] = [sent, await cpuSeconds(), performance.now()];
  await delay(measuredMs);
  const [requests, seconds] = [sent - sentBefore, (performance.now() - startedAt) / 1_000];
  const served = ((await cpuSeconds()) - cpuBefore) / requests;
  isOver = true;
  await workers;
  return { rate: requests / seconds, served: served * 1e6 };
}

interface Message {
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

function answered(server: RequestOptions, { body, ...options }: Message): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...server, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
      );
    });
    asked.on("error", reject).end(body);
  });
}

function signedMessage(number: number): Message {
  const path = "/api/ws/message";
  const connectionId = "UbT2acX1IAMCJpw=";
  const body = JSON.stringify({
    v: 1,
    host: "api.example.com",
    path,
    event: "message",
    connection_id: connectionId,
    request_id: "UbT2nH5bIAMFSnA=",
    message_id: `UbT2ncYVoAMCJpw${number}`,
    route_key: "$default",
    message: { type: "message", body: "good evening" },
  });
  const id = `msg_m_${number}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const headers = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    "x-connection-id": connectionId,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
  return { path, method: "POST", headers, body };
}
