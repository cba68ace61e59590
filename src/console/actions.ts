import type { IncomingMessage, ServerResponse } from "node:http";
import type { LocalAws } from "../local/server.ts";
import type { Hub } from "./hub.ts";
import type { ConsoleAction } from "./items.ts";
import { bodyOf, refuse } from "./request.ts";

type Actions = { [A in ConsoleAction as A["action"]]: (given: A) => boolean };

/** Carries out an order of the page: 204, or 410 where there is no such connection or message any more. */
export async function act(
  { hub, clients }: { hub: Hub; clients: LocalAws["clients"] },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const actions: Actions = {
    send: ({ connectionId, text }) => clients.send(connectionId, text),
    close: ({ connectionId }) => clients.close(connectionId),
    replay: ({ requestId }) => hub.replay(requestId),
  };
  const given = await bodyOf(request);
  if (!given || !isAction(given)) return refuse(response, 400);
  const isDone = (actions[given.action] as (given: ConsoleAction) => boolean)(given);
  if (!isDone) return refuse(response, 410);
  response.writeHead(204).end();
}

const wanted: Readonly<Record<string, readonly string[]>> = {
  send: ["connectionId", "text"],
  close: ["connectionId"],
  replay: ["requestId"],
};
const LONGEST_FRAME = 131_072;

function isAction(given: Readonly<Record<string, unknown>>): given is ConsoleAction {
  const { action, text } = given;
  const members = typeof action === "string" && Object.hasOwn(wanted, action) ? wanted[action] : undefined;
  return (
    members !== undefined &&
    members.every((name) => typeof given[name] === "string") &&
    (typeof text !== "string" || Buffer.byteLength(text) <= LONGEST_FRAME)
  );
}
