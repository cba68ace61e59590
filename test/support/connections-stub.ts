import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One call to @connections. */
export interface Sent {
  method: string;
  connectionId: string;
  /** The frame, exactly; empty for a DELETE. */
  frame: string;
  headers: IncomingHttpHeaders;
  path: string;
}

/**
 * The @connections API of one stage and Lambda's Invoke at one address; it remembers what it is asked and
 * never checks a signature.
 */
export interface ConnectionsStub {
  /** The stage's endpoint, as API_GATEWAY_ENDPOINT wants it. */
  endpoint: string;
  /** The address for AWS_ENDPOINT_URL. */
  url: string;
  sent: Sent[];
  /** The frames that were taken, parsed, by connection. */
  frames(connectionId: string): unknown[];
  closed: string[];
  invocations: { name: string; headers: IncomingHttpHeaders; event: unknown }[];
  /**
   * The status of a call (200 and 204 until set); `"slow"` is 200 after two seconds, `"hang"` never answers,
   * `"reset"` cuts the connection.
   */
  status: (sent: Sent) => number | "slow" | "hang" | "reset";
  /** The status of an Invoke; 202 until set. */
  invokeStatus: number;
  /** The `x-amzn-ErrorType` of every answer over 299; none until set. */
  errorType: string | undefined;
  close(): Promise<void>;
}

/** Starts it on 127.0.0.1. */
export async function startConnectionsStub(): Promise<ConnectionsStub> {
  const delivered: Sent[] = [];
  const server = createServer((request, response) => void serve(request, response));
  const stub: ConnectionsStub = {
    endpoint: "",
    url: "",
    sent: [],
    frames: (id) =>
      delivered.filter((sent) => sent.connectionId === id).map((sent) => JSON.parse(sent.frame) as unknown),
    closed: [],
    invocations: [],
    status: ({ method }) => (method === "DELETE" ? 204 : 200),
    invokeStatus: 202,
    errorType: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const { method = "", url: path = "", headers } = request;
    const [, name] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(path) ?? [];
    if (name !== undefined) {
      stub.invocations.push({ name: decodeURIComponent(name), headers, event: JSON.parse(text) });
      answer(response, stub.invokeStatus);
      return;
    }
    const connectionId = decodeURIComponent(path.split("/@connections/")[1] ?? "");
    const sent = { method, connectionId, frame: text, headers, path };
    stub.sent.push(sent);
    const status = stub.status(sent);
    if (status === 200 || status === "slow") delivered.push(sent);
    if (status === 204) stub.closed.push(connectionId);
    if (status === "reset") request.socket.destroy();
    else if (status === "slow") setTimeout(() => answer(response, 200), 2_000);
    else if (status !== "hang") answer(response, status);
  };
  const answer = (response: ServerResponse, status: number) =>
    response
      .writeHead(status, {
        ...(status > 299 && stub.errorType !== undefined && { "x-amzn-errortype": stub.errorType }),
      })
      .end();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.endpoint = `${stub.url}/abc123/dev`;
  return stub;
}
