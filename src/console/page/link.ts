import type { ConsoleAction, ConsoleItem } from "../items.ts";

/** How it stands with the local AWS. */
export type LinkState = "connecting" | "live" | "lost" | "refused";

interface LinkOptions {
  /** Called before the first items of a stream, which tell everything again. */
  onBegin(): void;
  onItems(items: readonly ConsoleItem[]): void;
  onState(state: LinkState): void;
}

/** The way to the local AWS. */
export interface Link {
  /** Whether it was done: false where there is no such connection or message any more. */
  act(action: ConsoleAction): Promise<boolean>;
}

const HEADER = "x-shelfshack-console";
const LONGEST_PAUSE_MS = 5_000;

/**
 * Opens a session and its stream, and the stream again when it ends. The key in the address is good for one
 * session: when the local AWS no longer knows that one, the page has to be opened anew.
 */
export function openLink({ onBegin, onItems, onState }: LinkOptions): Link {
  let session = "";
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key !== null) history.replaceState(null, "", location.pathname);

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", [HEADER]: session },
      body: JSON.stringify(body),
    });

  async function follow(): Promise<"ended" | "refused"> {
    const again = session === "" ? undefined : await post("stream", {});
    const { body } = again?.ok ? again : await firstStream();
    if (!body) return "refused";
    onBegin();
    onState("live");
    await read(body, onItems);
    return "ended";
  }

  /** The stream of a new session; without a body where none is given. */
  async function firstStream(): Promise<Pick<Response, "body">> {
    const opened = await post("session", { key });
    if (!opened.ok) return { body: null };
    ({ session } = (await opened.json()) as { session: string });
    return await post("stream", {});
  }

  async function keepFollowing(): Promise<void> {
    for (let pauseMs = 500; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const end = await follow().catch(() => "ended" as const);
      onState(end === "refused" ? "refused" : "lost");
      if (end === "refused" && key !== null) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  void keepFollowing();

  return {
    act: async (action) => (await post("action", action)).ok,
  };
}

/** Reads server-sent events: a list of items each. */
async function read(body: ReadableStream<Uint8Array>, onItems: LinkOptions["onItems"]): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events)
      if (event.startsWith("data: ")) onItems(JSON.parse(event.slice("data: ".length)) as ConsoleItem[]);
  }
}
