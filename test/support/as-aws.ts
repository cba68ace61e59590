import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** The environment of a program that calls AWS as far as it can tell: the local AWS without its own paths. */
export async function asAws(target: string): Promise<Record<string, string>> {
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/_")) return response.writeHead(404).end();
    const { host } = new URL(target);
    const { method, headers } = request;
    const onward = forward(target + request.url, { method, headers: { ...headers, host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    response.on("close", () => onward.destroy());
    onward.on("error", () => response.destroy());
    return request.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    SHELFSHACK_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  };
}
