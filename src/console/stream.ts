import type { ServerResponse } from "node:http";
import type { Hub } from "./hub.ts";
import { createRing } from "./ring.ts";

const BATCH_MS = 100;
/** A page that is this far behind gets the newest, and is told how much it missed. */
const WAITING_AT_MOST = 2 * 1024 * 1024;
/** What is written at once is held until the page reads it; what waits is shared by all pages. */
const WRITTEN_AT_ONCE = 256 * 1024;

/** Server-sent events: a list of items each, ten times a second, or as fast as a late page reads. */
export function stream(hub: Hub, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let omitted = 0;
  const waiting = createRing<string>(WAITING_AT_MOST, () => (omitted += 1));
  const flush = () => {
    while (!response.writableNeedDrain) {
      // What was left out may have told of connections: they are told anew.
      const told = omitted > 0 ? [JSON.stringify({ kind: "omitted", items: omitted }), ...hub.opened()] : [];
      const batch = [...told, ...waiting.take(WRITTEN_AT_ONCE)];
      omitted = 0;
      if (batch.length === 0) return;
      response.write(`data: [${batch.join(",")}]\n\n`);
    }
  };
  const leave = hub.join((json) => waiting.add(json, json.length));
  // The beginning says that the page has all that is kept.
  response.write(": begins\n\n");
  flush();
  const timer = setInterval(flush, BATCH_MS);
  response.on("drain", flush);
  response.on("close", () => {
    clearInterval(timer);
    leave();
  });
}
