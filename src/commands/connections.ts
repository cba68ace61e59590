import { complete, orGone } from "../aws/answers.ts";
import { deployedStack } from "../aws/deployed.ts";
import { actionNamed } from "../cli/action.ts";
import type { Command } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { allTelling } from "../errors/telling.ts";
import { placeOf, type Place } from "../stack/deploy.ts";
import { observe } from "../stack/engine.ts";
import { placeText } from "../terminal/changes.ts";
import { table } from "../terminal/format.ts";

const actions = ["get", "send", "close"] as const;
type Action = (typeof actions)[number];

interface ConnectionsResult extends Place {
  action: Action;
  connectionId: string;
  /** The stage's `https://…/stage`, where `@connections` was called. */
  endpoint: string;
  /** What API Gateway knows of the connection; null unless it was asked with `get`. */
  connection: Facts | null;
  /** How many bytes were sent; null unless with `send`. */
  bytes: number | null;
}

/** Times are ISO times. */
interface Facts {
  connectedAt: string;
  /** The last frame in either direction. */
  lastActiveAt: string | null;
  sourceIp: string | null;
  userAgent: string | null;
}

export const command: Command<"connections", ConnectionsResult> = {
  async run(options, context) {
    const [action, connectionId] = asked(context.args);
    const message = action === "send" ? await messageIn(context) : null;
    const open = await context.stack(options);
    const { stack, run } = open;
    const [observed, { endpoint, managedBy }] = await allTelling([
      observe({ ...stack, resources: [stack.account] }, run.aws),
      deployedStack(run.aws, options),
    ]);
    const place = { ...placeOf(open, observed), managedBy };
    const result = { ...place, action, connectionId, endpoint, connection: null, bytes: null };
    const { call } = run.aws.connectionsAt(endpoint);
    const there = async <T>(call: Promise<T>): Promise<T> => (await orGone(call)) ?? refuseGone(result);
    if (message !== null) {
      await there(call("PostToConnection", { ConnectionId: connectionId, Data: message }));
      return { ...result, bytes: message.length };
    }
    if (action === "get")
      return {
        ...result,
        connection: factsIn(await there(call("GetConnection", { ConnectionId: connectionId }))),
      };
    await there(call("DeleteConnection", { ConnectionId: connectionId }));
    return result;
  },

  render({ action, connectionId, endpoint, connection, bytes, ...place }) {
    if (action === "send") return `${placeText(place)}\nsent ${bytes} bytes to ${connectionId}`;
    if (action === "close") return `${placeText(place)}\nclosed ${connectionId}`;
    return table([
      ["connection", connectionId],
      ["of", endpoint],
      ["connected", connection?.connectedAt ?? ""],
      ["last frame", connection?.lastActiveAt ?? "unknown"],
      ["from", connection?.sourceIp ?? "unknown"],
      ["user agent", connection?.userAgent ?? "none"],
    ]);
  },
  next: ({ connectionId }) => typing(invocation("trace", {}, connectionId)),
};

function asked([word = "", ...others]: readonly string[]): [Action, connectionId: string] {
  const action = actionNamed("connections", word, actions, others);
  const [connectionId] = others;
  const usage = {
    hint: [
      "use: ",
      invocation("connections", {}, action, "ID"),
      "; ids of connections are in each line of: ",
      invocation("trace", { since: "10m", follow: false }),
    ],
  };
  if (!connectionId)
    throw new CliError("value-missing", `connections ${action} needs a connection id`, usage);
  return [action, connectionId];
}

/** What API Gateway takes (AWS.md 1.12). */
const LONGEST_MESSAGE = 128 * 1024;

/** The frame: the words after the id, or else the whole of a stdin that is no terminal. */
async function messageIn({ args: [, , typed, ...more], stdin, signal }: Context): Promise<Buffer> {
  if (more.length > 0)
    throw new CliError("argument-unexpected", "connections send takes one text: quote it for the shell");
  const { pipedText } = await import("../terminal/line.ts");
  const message = typed ?? (stdin.isTTY ? "" : await pipedText(stdin, { most: LONGEST_MESSAGE, signal }));
  if (message !== "") return Buffer.from(message);
  throw new CliError("value-missing", "connections send has nothing to send", {
    hint: ["use: ", invocation("connections", {}, "send", "ID", "TEXT"), ", or pass the text on stdin"],
  });
}

function refuseGone({ connectionId, endpoint }: ConnectionsResult): never {
  throw new CliError("connection-gone", `${connectionId} is not connected to ${endpoint}`, {
    hint: [
      "it has closed, or it is a connection of another stage; those that came lately: ",
      invocation("trace", { since: "10m", follow: false }),
    ],
  });
}

function factsIn(answer: {
  ConnectedAt?: Date | undefined;
  LastActiveAt?: Date | undefined;
  Identity?: { SourceIp: string | undefined; UserAgent: string | undefined } | undefined;
}): Facts {
  const { ConnectedAt, LastActiveAt, Identity } = complete(answer, ["ConnectedAt"]);
  return {
    connectedAt: ConnectedAt.toISOString(),
    lastActiveAt: LastActiveAt?.toISOString() ?? null,
    sourceIp: Identity?.SourceIp ?? null,
    userAgent: Identity?.UserAgent ?? null,
  };
}
