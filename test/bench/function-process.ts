import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Task } from "./functions/process.ts";
import { assetUrl } from "../../src/artifact/assets.ts";

/** The functions that are compared: the shipped one, and those of the folder `functions`. */
const functions = {
  ours: assetUrl("handler/index.mjs"),
  bare: new URL("functions/bare.js", import.meta.url),
  "no-op": new URL("functions/noop.js", import.meta.url),
  SDK: new URL("functions/sdk.js", import.meta.url),
};
export type FunctionName = keyof typeof functions;

/** CPU time that some events took, and that the process has used since it began. */
export interface Cost {
  cpuMs: number;
  soFarMs: number;
}

export interface FunctionProcess {
  /** What loading took. */
  loaded: Cost;
  /** Handles an event some times, one after the other. */
  handle(event: object, times: number): Promise<Cost>;
  [Symbol.dispose](): void;
}

/** Starts a function in a process of its own. Its log is read and dropped. */
export async function startFunction(
  name: FunctionName,
  environment: Record<string, string>,
): Promise<FunctionProcess> {
  const child = fork(
    fileURLToPath(new URL("functions/process.js", import.meta.url)),
    [functions[name].href],
    {
      env: { ...environment, NODE_NO_WARNINGS: "1" },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    },
  );
  child.stdout?.resume();
  const answered = async () => {
    const [cost] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(() => Promise.reject(new Error(`the function ${name} has ended`))),
    ])) as [Cost];
    return cost;
  };
  return {
    loaded: await answered(),
    handle(event, times) {
      child.send({ event, times } satisfies Task);
      return answered();
    },
    [Symbol.dispose]() {
      child.kill("SIGKILL");
    },
  };
}

export const messageEvent = {
  requestContext: {
    routeKey: "$default",
    eventType: "MESSAGE",
    messageId: "UbT2ncYVoAMCJpw=",
    requestId: "UbT2nH5bIAMFSnA=",
    connectionId: "UbT2acX1IAMCJpw=",
    domainName: "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
    stage: "prod",
  },
  body: '{"type":"message","body":"good evening"}',
  isBase64Encoded: false,
};

/** What a function talks to, in this process, and the variables that lead it there. */
export interface Surroundings {
  environment: Record<string, string>;
  close(): Promise<void>;
}

/** The keys that the requests are signed with: a function without them signs nothing. */
export const keys = {
  SIGNING_KEYS: `whsec_${Buffer.from("k".repeat(32)).toString("base64")}`,
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** A backend that gives every message the same answer, and an @connections API that takes every frame. */
export async function startSurroundings(answer: object): Promise<Surroundings> {
  const text = JSON.stringify(answer);
  const backend = await listening(() => text);
  const connections = await listening(() => "");
  return {
    environment: {
      BACKEND_URL: urlOf(backend),
      API_GATEWAY_ENDPOINT: `${urlOf(connections)}/a1b2c3d4e5/prod`,
      AWS_REGION: "us-east-1",
    },
    async close() {
      for (const server of [backend, connections]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function listening(answer: () => string): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json" }).end(answer());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
