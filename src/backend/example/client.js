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
  const connection = new Reconnecting(options);
  connection.start();
  return { send: (frame) => connection.send(frame), close: () => connection.end("closed", "") };
}

class Reconnecting {
  #options;
  #timing;
  #timers = timers();
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {string | undefined} */
  #token;
  #attempt = 0;
  #failures = 0;
  #refusals = 0;
  #heard = 0;
  #ended = false;
  #backOnline = () => {
    if (!this.#socket) void this.#open();
  };

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
  }

  start() {
    addEventListener("online", this.#backOnline);
    void this.#open();
  }

  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  end(state, reason) {
    this.#ended = true;
    this.#drop();
    removeEventListener("online", this.#backOnline);
    this.#options.onState(state, reason);
  }

  async #open() {
    const mine = ++this.#attempt;
    this.#timers.clear();
    this.#options.onState("connecting", "");
    let problem = "";
    this.#token ||= await this.#options
      .fetchToken()
      .catch((error) => void (problem = `no token: ${error.message}`));
    if (this.#ended || mine !== this.#attempt) return;
    if (problem) return this.#wait(problem);
    const query = { ...this.#options.query, token: this.#token };
    try {
      this.#listen(new WebSocket(address(this.#options.endpoint, query)));
    } catch (error) {
      this.end("refused", error.message);
    }
  }

  /** Follows one connection from its handshake to its end. */
  #listen(opening) {
    let opened = false;
    this.#socket = opening;
    const current = (step) => (event) => this.#socket === opening && step(event);
    opening.onopen = current(() => {
      opened = true;
      this.#opened();
    });
    opening.onmessage = current((event) => this.#receive(event.data));
    opening.onclose = current((event) => {
      if (opened) this.#wait(`connection lost (${event.code})`);
      else void this.#refused();
    });
  }

  #opened() {
    this.#refusals = 0;
    this.#options.onState("open", "");
    const { steadyAfter, keepAlive, life } = this.#timing;
    this.#timers.after(steadyAfter, () => (this.#failures = 0));
    this.#timers.after(keepAlive, () => this.#ping());
    this.#timers.after(life * (0.9 + Math.random() / 10), () => this.#renew());
  }

  #receive(text) {
    this.#heard += 1;
    const frame = JSON.parse(text);
    // The proxy closes the connection after this frame; a fresh token opens the next one.
    if (frame?.type === "error" && frame.code === "unauthorized") this.#token = undefined;
    if (frame?.type !== "pong") this.#options.onFrame(frame);
  }

  #ping() {
    const before = this.#heard;
    this.send({ type: "ping" });
    this.#timers.after(this.#timing.pongWithin, () => this.#heard === before && this.#wait("no answer"));
    this.#timers.after(this.#timing.keepAlive, () => this.#ping());
  }

  /** API Gateway closes every connection after two hours: reconnect before it does. */
  #renew() {
    this.#drop();
    void this.#open();
  }

  async #refused() {
    const refused = this.#socket;
    const reason = await this.#options.explainRefusal(this.#token);
    if (this.#socket !== refused || this.#ended) return;
    if (!reason) return this.#wait("no connection");
    this.#token = undefined;
    this.#refusals += 1;
    if (this.#refusals < 2) return this.#wait(reason);
    this.end("refused", reason);
  }

  /** Reconnects after a random delay, from a range that doubles each time. */
  #wait(reason) {
    this.#drop();
    const { longestDelay, firstDelay } = this.#timing;
    const delay = Math.random() * Math.min(longestDelay, firstDelay * 2 ** this.#failures);
    this.#failures += 1;
    this.#options.onState("waiting", `${reason}, again in ${(delay / 1000).toFixed(1)} s`);
    this.#timers.after(delay, () => void this.#open());
  }

  #drop() {
    this.#timers.clear();
    const last = this.#socket;
    this.#socket = undefined;
    last?.close(1000);
  }
}

/** Timers that end together. */
function timers() {
  /** @type {Set<number>} */
  const running = new Set();
  return {
    after(milliseconds, step) {
      const timer = setTimeout(() => {
        running.delete(timer);
        step();
      }, milliseconds);
      running.add(timer);
    },
    clear() {
      running.forEach(clearTimeout);
      running.clear();
    },
  };
}

/** The endpoint with a query, without undefined and empty values. */
function address(endpoint, query) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url.href;
}
