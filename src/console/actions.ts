import type { IncomingMessage, ServerResponse } from "node:http";
import type { LocalAws } from "../local/server.ts";
import type { Hub } from "./hub.ts";
import type { ConsoleAction, RefusalReason } from "./items.ts";
import { bodyOf, refuse } from "./request.ts";

type Actions = { [A in ConsoleAction as A["action"]]: (given: A) => "done" | RefusalReason };

/** Carries out an order of the page: 204, or why it was not done. */
export async function act(
  { hub, clients }: { hub: Hub; clients: LocalAws["clients"] },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const actions: Actions = {
    send: ({ connectionId, text }) =>
      Buffer.byteLength(text) > LONGEST_FRAME ? "too-large" : clients.send(connectionId, text),
    close: ({ connectionId }) => clients.close(connectionId),
    replay: ({ requestId }) => hub.replay(requestId),
  };
  const given = await bodyOf(request);
  if (typeof given === "string") return refuse(response, given);
  if (!isAction(given)) return refuse(response, "malformed");
  const acted = (actions[given.action] as (given: ConsoleAction) => "done" | RefusalReason)(given);
  if (acted !== "done") return refuse(response, acted);
  response.writeHead(204).end();
}

const wanted: Readonly<Record<string, readonly string[]>> = {
  send: ["connectionId", "text"],
  close: ["connectionId"],
  replay: ["requestId"],
};
const LONGEST_FRAME = 131_072;

function isAction(given: Readonly<Record<string, unknown>>): given is ConsoleAction {
  const { action } = given;
  const members = typeof action === "string" && Object.hasOwn(wanted, action) ? wanted[action] : undefined;
  return members !== undefined && members.every((name) => typeof given[name] === "string");
}
