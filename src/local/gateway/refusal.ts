import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Why a handshake is not answered with 101. */
export interface Refusal {
  status: number;
  /** Where it differs from the status's own text. */
  message?: string;
  headers?: Record<string, string>;
}

/**
 * Refuses an upgrade request with AWS's small JSON body (AWS.md 1.5), and destroys the socket: Node's server
 * does not manage an upgraded socket, so a half-closed one would stay as long as its client likes and delay
 * the end of the server.
 */
export function refuseUpgrade(
  socket: Duplex,
  { requestId, status, message = STATUS_CODES[status] ?? "", headers = {} }: Refusal & { requestId: string },
): void {
  const body = JSON.stringify({ message });
  const lines = Object.entries({
    Date: new Date().toUTCString(),
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
    "x-amzn-RequestId": requestId,
    "apigw-requestid": requestId,
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`, () =>
    socket.destroy(),
  );
}
