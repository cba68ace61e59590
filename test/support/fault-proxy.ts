import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/**
 * One call on its way to AWS. `number` counts all calls from 0, `index` those that change something; reads
 * have none.
 */
export interface Call {
  operation: string;
  mutating: boolean;
  number: number;
  index: number | undefined;
}

/**
 * What happens to a call: `lost` (done, then the connection is reset), `hang` (done, and never answered),
 * `cut-before` (reset before anything is done), `500-after` (done, answered 500), `503` and `429` (answered
 * so, not done), `html` (done, answered 502 with a proxy's page), `truncated` (done, half the answer),
 * `empty` and `page` (not done, answered 200 with nothing or a page), `twice` (done two times, the second
 * answer), or functions that are called before and after the work, or make another answer of it.
 */
export type Fault =
  | "lost"
  | "hang"
  | "cut-before"
  | "500-after"
  | "503"
  | "429"
  | "html"
  | "truncated"
  | "empty"
  | "page"
  | "twice"
  | { before?: () => unknown; after?: () => void; rewrite?: (payload: Buffer) => Buffer }
  | { refusal: Refusal; before?: () => unknown };

/** An error of AWS's own, answered without doing anything. */
interface Refusal {
  status: number;
  name: string;
  message: string;
}

const HTML = { "content-type": "text/html" };

const isRead = /^(Get|List|Describe|Filter)/;

/**
 * The operation's name, from whichever of the wire formats carries it; the verb and path where it is REST.
 */
function operationOf({ method = "", url = "", headers }: IncomingMessage, body: Buffer): string {
  const target = String(headers["x-amz-target"] ?? "").split(".")[1];
  const action = /(?:^|&)Action=(\w+)/.exec(body.toString("latin1"))?.[1];
  if (target || (action && url === "/")) return String(target ?? action);
  return method === "GET" ? `Get ${url}` : `${method} ${url.split("?")[0]}`;
}

/** A proxy in front of the local AWS that breaks calls as `faultFor` says; closed when the test ends. */
export async function openFaultProxy(
  { url: target }: { url: string },
  faultFor: (call: Call) => Fault | undefined,
) {
  const calls: Call[] = [];
  let mutations = 0;
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const operation = operationOf(request, body);
    const mutating = !isRead.test(operation);
    const index = mutating ? mutations++ : undefined;
    const call: Call = { operation, mutating, number: calls.length, index };
    calls.push(call);
    const fault = faultFor(call);
    if (fault === "cut-before") return void request.socket.destroy();
    if (fault === "503" || fault === "429") return refuse(request, response, unnamed(Number(fault)));
    if (fault === "empty") return void response.writeHead(200, { "content-length": 0 }).end();
    if (fault === "page") return void response.writeHead(200, HTML).end("<html><h1>Welcome</h1></html>");
    if (typeof fault === "object") await fault.before?.();
    if (typeof fault === "object" && "refusal" in fault) return refuse(request, response, fault.refusal);
    if (fault === "twice") await passOn(target, request, body);
    const { status, headers, payload: answered } = await passOn(target, request, body);
    const payload = (typeof fault === "object" && fault.rewrite?.(answered)) || answered;
    if (typeof fault === "object") fault.after?.();
    if (fault === "hang") return;
    if (fault === "lost") return void request.socket.destroy();
    if (fault === "500-after") return refuse(request, response, unnamed(500));
    if (fault === "html")
      return void response.writeHead(502, HTML).end("<html><h1>502 Bad Gateway</h1></html>");
    response.writeHead(status, { ...headers, "content-length": payload.length });
    if (fault !== "truncated") return void response.end(payload);
    response.write(payload.subarray(0, payload.length / 2), () => request.socket.destroy());
  }

  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  onTestFinished(
    () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${port}`, calls: calls as readonly Call[] };
}

/** What AWS calls an error that has no name of its own. */
function unnamed(status: number): Refusal {
  const name =
    status === 429
      ? "TooManyRequestsException"
      : status === 503
        ? "ServiceUnavailableException"
        : "ServiceException";
  return { status, name, message: name };
}

/** Answers an error as the service that was called writes it (AWS.md 8.2). */
function refuse({ headers }: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { status, name, message } = refusal;
  const isQuery = String(headers["content-type"]).startsWith("application/x-www-form-urlencoded");
  const error = `<Error><Type>Sender</Type><Code>${name}</Code><Message>${message}</Message></Error>`;
  response
    .writeHead(status, {
      "x-amzn-requestid": "00000000-0000-4000-8000-000000000000",
      ...(isQuery
        ? { "content-type": "text/xml" }
        : { "content-type": "application/json", "x-amzn-errortype": name }),
    })
    .end(isQuery ? `<ErrorResponse>${error}</ErrorResponse>` : JSON.stringify({ __type: name, message }));
}

function passOn(target: string, { method, url, headers }: IncomingMessage, body: Buffer) {
  return new Promise<{
    status: number;
    headers: Record<string, string | string[] | undefined>;
    payload: Buffer;
  }>((resolve, reject) => {
    const onward = forward(
      target + url,
      { method, headers: { ...headers, host: new URL(target).host } },
      (answer) => {
        const { "transfer-encoding": _chunked, ...rest } = answer.headers;
        buffer(answer).then(
          (payload) => resolve({ status: answer.statusCode ?? 502, headers: rest, payload }),
          reject,
        );
      },
    );
    onward.on("error", reject);
    onward.end(body);
  });
}
