import { crc32 } from "node:zlib";
import { toJson } from "./json-shape.ts";
import type { Shape } from "./schema.ts";

/**
 * Frames of `application/vnd.amazon.eventstream` (AWS.md 7.3): an initial response, then every event as it
 * comes. An event is an object with one member, which names its kind; a kind that ends in `Exception` ends
 * the stream for the reader.
 */
export async function* eventStream(
  union: Shape,
  events: AsyncIterable<Record<string, unknown>>,
): AsyncGenerator<Uint8Array> {
  yield frame(
    { ":message-type": "event", ":event-type": "initial-response", ":content-type": "application/json" },
    "{}",
  );
  for await (const event of events) {
    for (const [kind, value] of Object.entries(event)) {
      yield frame(headersOf(kind), JSON.stringify(toJson(union.getMemberSchema(kind), value)));
    }
  }
}

const headersOf = (kind: string) =>
  kind.endsWith("Exception")
    ? { ":message-type": "exception", ":exception-type": kind, ":content-type": "application/json" }
    : { ":message-type": "event", ":event-type": kind, ":content-type": "application/json" };

/** Total length, headers' length, CRC of those two, headers, payload, CRC of all that. */
function frame(headers: Record<string, string>, payload: string): Uint8Array {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => header(name, value)));
  const body = Buffer.from(payload);
  const prelude = Buffer.concat([uint32(12 + head.length + body.length + 4), uint32(head.length)]);
  const checked = Buffer.concat([prelude, uint32(crc32(prelude)), head, body]);
  return Buffer.concat([checked, uint32(crc32(checked))]);
}

/** The type of a header whose value is a string. */
const stringHeader = 7;

function header(name: string, value: string): Buffer {
  const text = Buffer.from(value);
  return Buffer.concat([
    Buffer.of(Buffer.byteLength(name)),
    Buffer.from(name),
    Buffer.of(stringHeader, text.length >> 8, text.length & 255),
    text,
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
