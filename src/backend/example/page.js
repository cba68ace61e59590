/**
 * The page around client.js. Its address may hold settings:
 * `/?ws=ws://127.0.0.1:4566/abc/dev&user=alice&booking=1&type=chat&token=…`; with a name or a token it
 * connects at once. An embedding page sets `window.SHELFSHACK = { endpoint, timing }` first.
 */
import { connect } from "./client.js";

const given = new URLSearchParams(location.search);
const where = document.querySelector("#where");
const say = document.querySelector("#say");
const status = document.querySelector("#status");
const frames = document.querySelector("#frames");
const words = {
  connecting: "connecting …",
  open: "connected",
  waiting: "waiting",
  refused: "refused",
  closed: "not connected",
};

let connection;
/** Ids of the messages on the page: a reconnect brings the history again, and a delivery may come twice. */
const shown = new Set();
/** Own messages without a confirmation yet, by the reference they were sent with. */
const unconfirmed = new Map();

const config = await (await fetch("config.json")).json();
where.elements.ws.value = given.get("ws") ?? globalThis.SHELFSHACK?.endpoint ?? config.endpoint;
where.elements.user.value = given.get("user") ?? "";
where.elements.booking.value = given.get("booking") ?? "1";
where.elements.type.value = given.get("type") ?? "booking";

where.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});

say.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = say.elements.body.value.trim();
  const ref = newReference();
  if (!body || !connection.send({ type: "message", body, ref })) return;
  unconfirmed.set(ref, show("you", body, "own unconfirmed"));
  say.reset();
});

document.querySelector("#leave").addEventListener("click", () => connection?.close());

if (given.has("user") || given.has("token")) start();

function start() {
  connection?.close();
  frames.replaceChildren();
  shown.clear();
  unconfirmed.clear();
  connection = connect({
    endpoint: where.elements.ws.value,
    query: wanted(where.elements.type.value, where.elements.booking.value),
    fetchToken,
    explainRefusal,
    onState,
    onFrame,
    timing: globalThis.SHELFSHACK?.timing,
  });
}

/** The feed has no booking: without a token, naming one would be refused. */
function wanted(type, booking) {
  return type === "feed" ? { type } : { type, booking_id: booking };
}

async function fetchToken() {
  if (given.has("token")) return given.get("token");
  if (!config.devTokens || !where.elements.user.value) return undefined;
  const asked = new URLSearchParams({
    user: where.elements.user.value,
    bookings: where.elements.booking.value,
  });
  const answer = await fetch(`dev-token?${asked}`);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return (await answer.json()).token;
}

async function explainRefusal(token) {
  if (!token && where.elements.type.value === "feed") return undefined;
  try {
    const answer = await fetch("whoami", { headers: { authorization: `Bearer ${token ?? ""}` } });
    return answer.status === 401 ? (await answer.json()).detail : undefined;
  } catch {
    return undefined; // The backend does not answer; the next attempt shows more.
  }
}

function onState(state, detail) {
  document.body.dataset.state = state;
  status.textContent = detail ? `${words[state]}: ${detail}` : words[state];
  say.elements.send.disabled = state !== "open";
}

const renderers = {
  history: (frame) => frame.messages.forEach(renderers.message),
  message: ({ id, ref, from, body }) => confirm({ id, ref }) || show(from, body),
  notifications: (frame) => frame.notifications.forEach(renderers.notification),
  notification: ({ text }) => show("notification", text),
  feed: (frame) => frame.entries.forEach(renderers.entry),
  entry: ({ from, text }) => show(from, text),
  error: (frame) => show("error", frame.detail ?? frame.code),
  ack: (frame) => confirm(frame),
};

/**
 * Notes that a message has arrived; true when it is on the page already. The connection may be lost before
 * the ack comes: then the history confirms.
 */
function confirm({ id, ref }) {
  const entry = unconfirmed.get(ref);
  entry?.classList.remove("unconfirmed");
  unconfirmed.delete(ref);
  const known = entry !== undefined || shown.has(id);
  shown.add(id);
  return known;
}

/** Random; works on a page without TLS too. */
function newReference() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(36)).join("");
}

function onFrame(frame) {
  const known = Object.hasOwn(renderers, frame?.type ?? "") ? renderers[frame.type] : undefined;
  if (known) known(frame);
  else show("frame", JSON.stringify(frame));
}

function show(from, text, kind = "") {
  const entry = document.createElement("li");
  const name = document.createElement("b");
  name.textContent = from;
  entry.className = kind;
  entry.append(name, " ", text);
  frames.append(entry);
  entry.scrollIntoView({ block: "nearest" });
  return entry;
}
