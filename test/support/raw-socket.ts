import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { onTestFinished } from "vitest";

/** A frame written bit by bit, right or wrong. */
export interface Frame {
  opcode: number;
  payload?: Buffer;
  fin?: boolean;
  /** The three reserved bits as a number. */
  reserved?: number;
  masked?: boolean;
}

/** A TCP connection to a server, with everything that came back. */
export interface RawSocket {
  write(data: Buffer | string): void;
  /** Destroys the connection, with a reset if asked. */
  cut(options?: { reset?: boolean }): void;
  /** All text until the empty line that ends a response's head. */
  head(): Promise<string>;
  /** Everything that came after the head, once the other end has closed or reset the connection. */
  rest(): Promise<Buffer>;
}

export async function openRaw(port: number): Promise<RawSocket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let received = Buffer.alloc(0);
  const headEnd = () => received.indexOf("\r\n\r\n") + 4;
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const headed = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (headEnd() > 3) resolve();
    });
  });
  // A reset is one of the ways in which a server may hang up; the bytes before it are what counts.
  socket.on("error", () => socket.destroy());
  await new Promise<void>((resolve) => socket.on("connect", resolve));
  return {
    write: (data) => void socket.write(data),
    cut: ({ reset = false } = {}) => void (reset ? socket.resetAndDestroy() : socket.destroy()),
    async head() {
      await Promise.race([headed, closed]);
      return received.subarray(0, headEnd()).toString();
    },
    async rest() {
      await closed;
      return received.subarray(headEnd());
    },
  };
}

/** An upgrade request as text; `headers` replace, `undefined` leaves out. */
export function upgradeRequest(
  path: string,
  { request, ...headers }: { request?: string; [name: string]: string | undefined } = {},
): string {
  const lines = Object.entries({
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return `${request ?? `GET ${path} HTTP/1.1`}\r\n${lines.join("")}\r\n`;
}

export function encodeFrame({
  opcode,
  payload = Buffer.alloc(0),
  fin = true,
  reserved = 0,
  masked = true,
}: Frame): Buffer {
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = masked ? 0x80 : 0;
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const body = masked ? Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))) : payload;
  return Buffer.concat([Buffer.from([first]), encodeLength(payload.length, maskBit), mask, body]);
}

function encodeLength(length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.from([maskBit | length]);
  const long = length > 0xffff;
  const bytes = Buffer.alloc(long ? 9 : 3);
  bytes[0] = maskBit | (long ? 127 : 126);
  if (long) bytes.writeBigUInt64BE(BigInt(length), 1);
  else bytes.writeUInt16BE(length, 1);
  return bytes;
}

/** The frames that a server sent: short, whole and unmasked, as the gateway's are. */
export function decodeFrames(bytes: Buffer): { opcode: number; payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  for (let at = 0; at + 1 < bytes.length;) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const start = at + (short === 126 ? 4 : 2);
    const end = start + (short === 126 ? bytes.readUInt16BE(at + 2) : short);
    frames.push({ opcode: (bytes[at] ?? 0) & 0x0f, payload: bytes.subarray(start, end) });
    at = end;
  }
  return frames;
}

/**
 * The code of the close frame among what a server sent; `undefined` when there is none, 1005 when it has no
 * code.
 */
export function closeCodeIn(bytes: Buffer): number | undefined {
  const close = decodeFrames(bytes).find(({ opcode }) => opcode === 8);
  return close && (close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005);
}
