/** What a function answered, after API Gateway's own check of its shape (AWS.md 1.6). */
export interface ProxyAnswer {
  statusCode: number;
  body?: string;
  /** The value of the answer's `Sec-WebSocket-Protocol` header. */
  subprotocol?: string;
}

/** The members that an answer may have, and what each may hold. */
const members: Record<string, (value: unknown) => boolean> = {
  statusCode: isStatusCode,
  headers: (value) => value === null || isPlainObject(value),
  multiValueHeaders: (value) =>
    value === null || (isPlainObject(value) && Object.values(value).every(Array.isArray)),
  body: (value) => value === null || typeof value === "string",
  isBase64Encoded: () => true,
};

/**
 * Reads a function's answer; `undefined` when it is malformed, which the client sees as "Internal server
 * error" or a 502.
 *
 * Unverified, and chosen here: `null` and a `body` that is not text are malformed, and so is a status below
 * 200 or above 599.
 */
export function readProxyAnswer(payload: string): ProxyAnswer | undefined {
  const answer = parsed(payload);
  if (!isPlainObject(answer)) return undefined;
  const entries = Object.entries(answer);
  if (entries.length === 0 || !entries.every(([name, value]) => accepts(name, value))) return undefined;
  const { statusCode = 200, body, headers, multiValueHeaders } = answer;
  const subprotocol = subprotocolOf(headers) ?? subprotocolOf(multiValueHeaders);
  if (subprotocol !== undefined && /[^\t\x20-\x7e\x80-\xff]/.test(subprotocol)) return undefined;
  return {
    statusCode: Number(statusCode),
    ...(typeof body === "string" && { body }),
    ...(subprotocol !== undefined && { subprotocol }),
  };
}

function accepts(name: string, value: unknown): boolean {
  return Object.hasOwn(members, name) && members[name]?.(value) === true;
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    // A function can return anything, also nothing; the caller reports it as malformed.
    return undefined;
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStatusCode(value: unknown): boolean {
  const code = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return Number.isInteger(code) && Number(code) >= 200 && Number(code) <= 599;
}

function subprotocolOf(headers: unknown): string | undefined {
  if (!isPlainObject(headers)) return undefined;
  const value = Object.entries(headers).find(
    ([name]) => name.toLowerCase() === "sec-websocket-protocol",
  )?.[1];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" ? first : undefined;
}
