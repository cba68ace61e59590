import { largestResponse } from "./failures.ts";

/** One request of a runtime client, read whole. */
export interface RuntimeRequest {
  method: string;
  path: string;
  host: string | undefined;
  /** It carries a header that only browsers send. */
  fromBrowser: boolean;
  /** `undefined` when it was larger than Lambda passes on */
  body: string | undefined;
}

interface Head extends Omit<RuntimeRequest, "body"> {
  length: number;
  expectsContinue: boolean;
}

interface Body {
  head: Head;
  missing: number;
  chunks: Buffer[];
}

const longestHead = 16 * 1024;
const endOfHead = "\r\n\r\n";

/**
 * Reads the HTTP/1.1 requests of one connection. Hand-written, because every event passes here: with
 * `node:http` on both sides one environment answered 1,700 events per second and four 2,900, with plain
 * sockets 7,700 and 12,900.
 */
export function startRequestReader(on: {
  request(request: RuntimeRequest): void;
  /** The client waits for permission to send the body. */
  expected(): void;
  malformed(message: string): void;
}): (chunk: Buffer) => void {
  let start: Buffer | undefined;
  let body: Body | undefined;
  let broken = false;

  const finish = ({ head, chunks }: Body) => {
    body = undefined;
    const [first] = chunks;
    const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks);
    on.request({ ...head, body: head.length > largestResponse ? undefined : bytes.toString() });
  };

  const readHead = (chunk: Buffer): Buffer => {
    const bytes = start ? Buffer.concat([start, chunk]) : chunk;
    const end = bytes.indexOf(endOfHead);
    start = end === -1 ? bytes : undefined;
    if (end === -1 ? bytes.length > longestHead : end > longestHead)
      throw new RangeError(`a head of more than ${longestHead} bytes`);
    if (end === -1) return Buffer.alloc(0);
    const head = parseHead(bytes.toString("latin1", 0, end));
    body = { head, missing: head.length, chunks: [] };
    if (head.expectsContinue) on.expected();
    return bytes.subarray(end + endOfHead.length);
  };

  const readBody = (chunk: Buffer, reading: Body): Buffer => {
    const part = chunk.subarray(0, reading.missing);
    reading.missing -= part.length;
    if (reading.head.length <= largestResponse) reading.chunks.push(part);
    if (reading.missing === 0) finish(reading);
    return chunk.subarray(part.length);
  };

  return (chunk) => {
    try {
      for (let rest = chunk; !broken && (rest.length > 0 || body?.missing === 0);)
        rest = body ? readBody(rest, body) : readHead(rest);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      broken = true;
      on.malformed(error.message);
    }
  };
}

/** Throws `RangeError` for what cannot be read. */
function parseHead(text: string): Head {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const [method, path, version] = requestLine.split(" ");
  if (!method || !path || !version?.startsWith("HTTP/1."))
    throw new RangeError(`${JSON.stringify(requestLine.slice(0, 80))} is no HTTP/1.1 request`);
  const headers = new Map(lines.map(parseHeader));
  if (headers.has("transfer-encoding")) throw new RangeError("a body needs a Content-Length here");
  const length = headers.get("content-length") ?? "0";
  if (!/^\d{1,12}$/.test(length)) throw new RangeError(`${JSON.stringify(length)} is no Content-Length`);
  return {
    method,
    path,
    host: headers.get("host"),
    fromBrowser: headers.has("origin") || headers.has("sec-fetch-site"),
    length: Number(length),
    expectsContinue: headers.get("expect")?.toLowerCase() === "100-continue",
  };
}

function parseHeader(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  if (colon < 1) throw new RangeError(`${JSON.stringify(line.slice(0, 80))} is no header`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
