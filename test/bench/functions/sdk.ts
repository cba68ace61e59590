import { createHmac } from "node:crypto";
import {
  ApiGatewayManagementApiClient,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

/** What people write instead: `fetch` to the backend, and AWS's own client for the frame. */
const {
  API_GATEWAY_ENDPOINT: endpoint = "",
  BACKEND_URL: backendUrl = "",
  SIGNING_KEYS: keys = "",
} = process.env;
const backend = new URL(backendUrl);
const key = Buffer.from(keys.slice("whsec_".length), "base64");
const client = new ApiGatewayManagementApiClient({ endpoint, region: "us-east-1" });

interface MessageEvent {
  requestContext: { connectionId: string; messageId: string; requestId: string; routeKey: string };
  body: string;
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
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${envelope}`).digest("base64");
  const response = await fetch(`${backendUrl}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-connection-id": connectionId,
      "x-request-id": requestId,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
    },
    body: envelope,
  });
  const answer = await response.text();
  await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: answer }));
  process.stdout.write(`${JSON.stringify({ level: "INFO", event: "message", requestId, connectionId })}\n`);
  return { statusCode: 200 };
}
