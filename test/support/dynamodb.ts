import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { onTestFinished } from "vitest";

type Item = Record<string, { S: string }>;
interface Asked {
  Item: Item;
  Key: Item;
  /** The name of one attribute. */
  ProjectionExpression?: string;
}

/** A table of DynamoDB's whose key is one string; `url` is for `AWS_ENDPOINT_URL_DYNAMODB`. */
export async function startTable(key: string): Promise<{ url: string; items: Map<string, Item> }> {
  const items = new Map<string, Item>();
  const keyOf = (item: Item) => item[key]?.S ?? "";
  const operations: Record<string, (asked: Asked) => object> = {
    PutItem: ({ Item }) => (items.set(keyOf(Item), Item), {}),
    GetItem: ({ Key }) => ({ Item: items.get(keyOf(Key)) }),
    DeleteItem: ({ Key }) => (items.delete(keyOf(Key)), {}),
    Scan: ({ ProjectionExpression: only }) => {
      const Items = [...items.values()].map((item) => (only ? { [only]: item[only] } : item));
      return { Items, Count: items.size, ScannedCount: items.size };
    },
  };
  const server = createServer((request, response) => {
    const operation = String(request.headers["x-amz-target"]).replace("DynamoDB_20120810.", "");
    void json(request).then((asked) => {
      const answer = operations[operation]?.(asked as Asked);
      response.writeHead(answer ? 200 : 400, { "content-type": "application/x-amz-json-1.0" });
      response.end(JSON.stringify(answer ?? { __type: "UnknownOperationException" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, items };
}
