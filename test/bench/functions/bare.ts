/**
 * A message's requests and nothing else: no rules, no retries, no limits. With keys and credentials they are
 * signed, without they are not. What it needs of Node is taken as the shipped handler takes it.
 */
const http = process.getBuiltinModule("node:http");
const { createHash, createHmac } = process.getBuiltinModule("node:crypto");

const {
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  API_GATEWAY_ENDPOINT: endpoint = "",
  BACKEND_URL: backendUrl = "",
  SIGNING_KEYS: signingKeys,
} = process.env;
const connections = new URL(endpoint);
const backend = new URL(backendUrl);
const agent = new http.Agent({ keepAlive: true, maxSockets: 25 });
const webhookKey = signingKeys && Buffer.from(signingKeys.slice("whsec_".length), "base64");

interface MessageEvent {
  requestContext: { connectionId: string; messageId: string; requestId: string; routeKey: string };
  body: string;
}

function post(url: URL, path: string, headers: Record<string, string>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body);
    const request = http.request({
      agent,
      host: url.hostname,
      port: url.port,
      method: "POST",
      path,
      headers: { ...headers, host: url.host, "content-length": length },
    });
    request.on("error", reject).on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
    });
    request.end(body);
  });
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const derived = new Map<string, Buffer>();

/** Signature Version 4 of one POST to @connections. */
function signed(path: string, body: string): Record<string, string> {
  if (!accessKeyId) return {};
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const scope = `${day}/us-east-1/execute-api/aws4_request`;
  const key =
    derived.get(day) ??
    ["us-east-1", "execute-api", "aws4_request"].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, day));
  derived.set(day, key);
  const canonicalPath = path.split("/").map(encodeURIComponent).join("/");
  const headers = `host:${connections.host}\nx-amz-date:${time}\n`;
  const canonical = `POST\n${canonicalPath}\n\n${headers}\nhost;x-amz-date\n${sha256(body)}`;
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString("hex");
  const credential = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}`;
  return {
    "x-amz-date": time,
    authorization: `${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  };
}

function send(connectionId: string, frame: string): Promise<string> {
  const path = `${connections.pathname}/@connections/${encodeURIComponent(connectionId)}`;
  return post(connections, path, signed(path, frame), frame);
}

export async function handler({ requestContext, body }: MessageEvent): Promise<{ statusCode: number }> {
  const { connectionId, messageId, requestId, routeKey } = requestContext;
  const path = "/api/ws/message";
  const envelope = JSON.stringify({
    v: 1,
    host: backend.host,
    path,
    event: "message",
    connection_id: connectionId,
    request_id: requestId,
    message_id: messageId,
    route_key: routeKey,
    message: JSON.parse(body) as unknown,
  });
  const id = `msg_m_${messageId}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature =
    webhookKey && createHmac("sha256", webhookKey).update(`${id}.${timestamp}.${envelope}`).digest("base64");
  const headers = {
    "content-type": "application/json",
    "x-connection-id": connectionId,
    "x-request-id": requestId,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    ...(signature && { "webhook-signature": `v1,${signature}` }),
  };
  const answer = await post(backend, path, headers, envelope);
  const { deliver } = JSON.parse(answer) as { deliver?: { to: string[]; data: unknown }[] };
  if (deliver === undefined) await send(connectionId, answer);
  for (const { to, data } of deliver ?? []) {
    const frame = JSON.stringify(data);
    await Promise.all(to.map((id) => send(id, frame)));
  }
  process.stdout.write(`${JSON.stringify({ level: "INFO", event: "message", requestId, connectionId })}\n`);
  return { statusCode: 200 };
}
