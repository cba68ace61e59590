import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createQueue, type Queue } from "./queue.ts";

/** One request as the backend got it. */
export interface BackendRequest {
  path: string;
  headers: IncomingHttpHeaders;
  /** The body, exactly. */
  text: string;
  /** The body, parsed. */
  envelope: Record<string, unknown>;
}

/**
 * An answer in short: a status, an object for JSON, `undefined` for 204; or a function that writes it byte by
 * byte.
 */
export type StubAnswer =
  | number
  | object
  | undefined
  | ((response: ServerResponse, request: IncomingMessage) => void);

/** A backend whose answers the test chooses. It remembers everything that it is asked. */
export interface BackendStub {
  url: string;
  requests: BackendRequest[];
  /** Decides every answer; set it at any time. Answers `{}` until then. */
  answer: (asked: BackendRequest) => StubAnswer;
  /** Open sockets now, and the most there ever were. */
  sockets: { now: number; most: number };
  /** One item for each socket that was opened. */
  opened: Queue<Socket>;
  /** Cuts every idle and busy connection. */
  hangUp(): void;
  close(): Promise<void>;
}

/** Starts a backend on 127.0.0.1; `port` 0 is any. */
export async function startBackendStub(
  answer: BackendStub["answer"] = () => ({}),
  port = 0,
): Promise<BackendStub> {
  const server = createServer((request, response) => {
    void read(request).then((asked) => {
      stub.requests.push(asked);
      write(response, request, stub.answer(asked));
    });
  });
  const stub: BackendStub = {
    url: "",
    requests: [],
    answer,
    sockets: { now: 0, most: 0 },
    opened: createQueue(),
    hangUp: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on("connection", (socket: Socket) => {
    stub.sockets.now += 1;
    stub.sockets.most = Math.max(stub.sockets.most, stub.sockets.now);
    socket.on("close", () => (stub.sockets.now -= 1));
    stub.opened.put(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stub;
}

async function read(request: IncomingMessage): Promise<BackendRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  return {
    path: request.url ?? "",
    headers: request.headers,
    text,
    envelope: text === "" ? {} : JSON.parse(text),
  };
}

function write(response: ServerResponse, request: IncomingMessage, answer: StubAnswer): void {
  if (typeof answer === "function") answer(response, request);
  else if (answer === undefined) response.writeHead(204).end();
  else if (typeof answer === "number")
    response.writeHead(answer, { "content-type": "application/json" }).end('{"detail":"as the test wishes"}');
  else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}
