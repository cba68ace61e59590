/**
 * A WebSocket that reconnects: dependency-free, for API Gateway's WebSocket APIs behind shelfshack-ws.
 *
 * API Gateway closes a connection after ten silent minutes, and every connection after two hours. So this one
 * sends a ping every five minutes, opens a new connection before the two hours are over, and reconnects after
 * any other loss: with a random delay that grows each time (full jitter).
 */

/** Milliseconds. */
const defaultTiming = {
  firstDelay: 500,
  longestDelay: 30_000,
  /** An open connection counts as good after this long; only then do delays start small again. */
  steadyAfter: 5_000,
  keepAlive: 5 * 60_000,
  pongWithin: 10_000,
  life: 115 * 60_000,
};

/**
 * @typedef {"connecting" | "open" | "waiting" | "refused" | "closed"} State
 *
 * @typedef {object} Options
 * @property {string} endpoint The `wss://` address of the stage (VITE_WS_API_ENDPOINT).
 * @property {Record<string, string>} query What to connect to: `type`, `booking_id`.
 * @property {() => Promise<string | undefined>} fetchToken A token; called again after a refusal.
 * @property {(token: string | undefined) => Promise<string | undefined>} explainRefusal Why the backend would
 *   refuse this token; undefined when it would not, or does not answer. A browser cannot see why a handshake
 *   failed.
 * @property {(frame: any) => void} onFrame Every frame of the backend, as JSON.
 * @property {(state: State, detail: string) => void} onState
 * @property {Partial<typeof defaultTiming>} [timing]
 */

/**
 * Connects, and stays connected until `close()` is called or the backend refuses a fresh token twice.
 *
 * @param {Options} options
 * @returns {{ send(frame: unknown): boolean, close(): void }} `send` returns false when there is no open
 *   connection.
 */
export function connect(options) {
  const timing = { ...defaultTiming, ...options.timing };
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {string | undefined} */
  let token;
  let [attempt, failures, refusals, heard, ended] = [0, 0, 0, 0, false];
  /** @type {Set<number>} */
  const timers = new Set();

  async function open() {
    const mine = ++attempt;
    forgetTimers();
    options.onState("connecting", "");
    let problem = "";
    if (!token)
      token = await options.fetchToken().catch((error) => void (problem = `no token: ${error.message}`));
    if (ended || mine !== attempt) return;
    if (problem) return wait(problem);
    try {
      listen(new WebSocket(address(options.endpoint, { ...options.query, token })));
    } catch (error) {
      end("refused", error.message);
    }
  }

  /** Follows one connection from its handshake to its end. */
  function listen(opening) {
    let opened = false;
    socket = opening;
    const current = (step) => (event) => socket === opening && step(event);
    opening.onopen = current(() => {
      opened = true;
      refusals = 0;
      options.onState("open", "");
      after(timing.steadyAfter, () => (failures = 0));
      after(timing.keepAlive, ping);
      after(timing.life * (0.9 + Math.random() / 10), renew);
    });
    opening.onmessage = current((event) => receive(event.data));
    opening.onclose = current((event) => {
      if (opened) wait(`connection lost (${event.code})`);
      else void refused();
    });
  }

  function receive(text) {
    heard += 1;
    const frame = JSON.parse(text);
    // The proxy closes the connection after this frame; a fresh token opens the next one.
    if (frame?.type === "error" && frame.code === "unauthorized") token = undefined;
    if (frame?.type !== "pong") options.onFrame(frame);
  }

  function ping() {
    const before = heard;
    send({ type: "ping" });
    after(timing.pongWithin, () => heard === before && wait("no answer"));
    after(timing.keepAlive, ping);
  }

  /** API Gateway closes every connection after two hours: reconnect before it does. */
  function renew() {
    drop();
    void open();
  }

  async function refused() {
    const asked = socket;
    const reason = await options.explainRefusal(token);
    if (socket !== asked || ended) return;
    if (!reason) return wait("no connection");
    token = undefined;
    refusals += 1;
    if (refusals < 2) return wait(reason);
    end("refused", reason);
  }

  /** Reconnects after a random delay, from a range that doubles each time. */
  function wait(reason) {
    drop();
    const delay = Math.random() * Math.min(timing.longestDelay, timing.firstDelay * 2 ** failures);
    failures += 1;
    options.onState("waiting", `${reason}, again in ${(delay / 1000).toFixed(1)} s`);
    after(delay, open);
  }

  function send(frame) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(frame));
    return true;
  }

  function end(state, reason) {
    ended = true;
    drop();
    removeEventListener("online", backOnline);
    options.onState(state, reason);
  }

  function drop() {
    forgetTimers();
    const last = socket;
    socket = undefined;
    last?.close(1000);
  }

  function after(milliseconds, step) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      step();
    }, milliseconds);
    timers.add(timer);
  }

  function forgetTimers() {
    timers.forEach(clearTimeout);
    timers.clear();
  }

  function backOnline() {
    if (!socket) void open();
  }

  addEventListener("online", backOnline);
  void open();
  return { send, close: () => end("closed", "") };
}

/** The endpoint with a query, without undefined and empty values. */
function address(endpoint, query) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url.href;
}
