import type { ServerResponse } from "node:http";
import type { Hub } from "./hub.ts";

const BATCH_MS = 100;
/** A page that is this far behind is told how much it missed instead. */
const WAITING_AT_MOST = 4 * 1024 * 1024;

/** Server-sent events: a list of items each, ten times a second at most. */
export function stream(hub: Hub, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let batch: string[] = [];
  let characters = 0;
  let omitted = 0;
  const flush = () => {
    if (response.writableNeedDrain && batch.length === 0) return;
    const told = omitted > 0 ? [JSON.stringify({ kind: "omitted", items: omitted })] : [];
    if (batch.length + told.length > 0) response.write(`data: [${[...told, ...batch].join(",")}]\n\n`);
    [batch, characters, omitted] = [[], 0, 0];
  };
  const leave = hub.join((json) => {
    if (response.writableLength + characters > WAITING_AT_MOST) omitted += 1;
    else characters += batch.push(json) && json.length;
  });
  // The beginning says that the page has all that is kept.
  response.write(": begins\n\n");
  flush();
  const timer = setInterval(flush, BATCH_MS);
  response.on("close", () => {
    clearInterval(timer);
    leave();
  });
}
