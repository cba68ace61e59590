import type { ConsoleAction, ShownFrame } from "../items.ts";
import type { TraceRecord } from "../../trace/record.ts";
import { clock, duration, element, size } from "./element.ts";
import { barsFor, resultOf } from "./rows.ts";
import type { Shown, ShownClient, Store } from "./store.ts";

interface DetailOptions {
  store: Store;
  act(action: ConsoleAction, done: string): void;
  close(): void;
}

const FRAMES = 20;

/** What is known of one row, and what can be done about it. */
export function detailOf(shown: Shown, options: DetailOptions): readonly Node[] {
  const { title, body } = contentOf(shown, options);
  const close = element("button", { type: "button", textContent: "Hide", title: "Escape" });
  close.addEventListener("click", () => options.close());
  return [element("div", { className: "top" }, element("h2", {}, title), close), ...body];
}

function contentOf(shown: Shown, options: DetailOptions): { title: string; body: readonly Node[] } {
  if (shown.kind === "trace") return { title: shown.event ?? "event", body: messageBody(shown, options) };
  if (shown.kind === "opened") return { title: shown.connectionId, body: connectionBody(shown, options) };
  if (shown.kind === "log")
    return {
      title: `${shown.level} ${clock(shown.at)}`,
      body: [facts({ request: shown.requestId }), pre(shown.text)],
    };
  return {
    title: shown.direction === "in" ? "from the client" : "to the client",
    body: frameBody(shown, options),
  };
}

function messageBody(record: TraceRecord, options: DetailOptions): Node[] {
  const { store } = options;
  const frame = store.frameOf(record.requestId);
  const lines = store.linesOf(record);
  return [
    facts({
      at: clock(record.at),
      took: duration(record.ms),
      result: resultOf(record),
      reason: record.reason,
      connection: record.connectionId,
      booking: record.booking,
      type: record.type,
      route: record.routeKey,
      stack: store.stacks.of(record).join(" "),
      function: record.functionName,
      request: record.requestId,
      invocation: record.lambdaRequestId,
      "cold start": record.coldMs === undefined ? undefined : duration(record.coldMs),
      "client's message": record.bytesIn === undefined ? undefined : size(record.bytesIn),
    }),
    ...replay(frame, options),
    element("h3", {}, "Hops"),
    waterfall(record),
    ...(frame
      ? [element("h3", {}, record.event === "push" ? "Frame" : "Message"), pre(pretty(frame.text))]
      : []),
    ...(lines.length > 0 ? [element("h3", {}, "Log")] : []),
    ...lines.map(({ text }) => pre(text)),
  ];
}

/** As the legend calls it. */
const nameOf = ({ hop }: TraceRecord["hops"][number]): string => (hop === "deliver" ? "frames" : hop);

/** Each hop with its status, its time, and its place in the whole. */
function waterfall({ hops, ms }: TraceRecord): HTMLElement {
  const fall = element("div", { className: "fall" });
  const bars = barsFor(hops, ms);
  for (const [index, hop] of hops.entries()) {
    const isOne = hop.to !== undefined;
    fall.append(
      element("span", { className: isOne ? "to quiet" : "", title: hop.to ?? "" }, hop.to ?? nameOf(hop)),
      element("span", { className: "number" }, hop.status ?? ""),
      element("span", { className: "number quiet" }, duration(hop.ms)),
      element("span", { className: "bars" }, bars[index]),
    );
  }
  return fall;
}

function frameBody(frame: ShownFrame, options: DetailOptions): Node[] {
  const { connectionId, bytes, requestId, at } = frame;
  return [
    facts({ at: clock(at), connection: connectionId, size: size(bytes), request: requestId }),
    ...replay(frame, options),
    element("h3", {}, "Text, without tokens"),
    pre(pretty(frame.text)),
  ];
}

/** Sends a client's message again, where it and its connection are still there. */
function replay(frame: ShownFrame | undefined, { store, act }: DetailOptions): Node[] {
  const { requestId, connectionId, direction } = frame ?? {};
  if (requestId === undefined || direction === "out" || !store.isOpen(connectionId)) return [];
  const button = element("button", { type: "button", textContent: "Replay", className: "main" });
  button.addEventListener("click", () =>
    act({ action: "replay", requestId }, "sent again, as the client would"),
  );
  return [element("div", { className: "actions" }, button)];
}

function connectionBody(client: ShownClient, { store, act }: DetailOptions): Node[] {
  const { connectionId, apiId, stage, sourceIp, at, booking, type } = client;
  const text = element("textarea", { spellcheck: false, placeholder: '{"type":"hello"}' });
  text.setAttribute("aria-label", "A frame to the client");
  const sendButton = element("button", {
    type: "button",
    textContent: "Send to the client",
    className: "main",
  });
  const send = () => act({ action: "send", connectionId, text: text.value }, "sent to the client");
  sendButton.addEventListener("click", send);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  const closeButton = element("button", {
    type: "button",
    textContent: "Close the connection",
    className: "danger",
  });
  closeButton.addEventListener("click", () => act({ action: "close", connectionId }, "closed"));
  const frames = store.framesOf(connectionId, FRAMES);
  return [
    facts({ since: clock(at), booking, type, stage: `${apiId}/${stage}`, address: sourceIp }),
    element("h3", {}, "Frame to the client (Ctrl+Enter sends)"),
    text,
    element("div", { className: "actions" }, sendButton, closeButton),
    ...(frames.length > 0 ? [element("h3", {}, "Last frames")] : []),
    ...frames.map((frame) =>
      pre(`${frame.direction === "in" ? "→" : "←"} ${clock(frame.at)}  ${frame.text}`),
    ),
  ];
}

/** A list of what is known; what is not known is left out. */
function facts(known: Readonly<Record<string, string | undefined>>): HTMLElement {
  const list = element("dl");
  for (const [name, value] of Object.entries(known))
    if (value !== undefined && value !== "") list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

const pre = (text: string): HTMLElement => element("pre", {}, text);

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
