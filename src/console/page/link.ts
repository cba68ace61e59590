import type { ConsoleAction, ConsoleItem, RefusalReason } from "../items.ts";

/** How it stands with the local AWS. */
export type LinkState = "connecting" | "live" | "lost" | "refused" | "full";

interface LinkOptions {
  /** Called before the first items of a stream, which tell everything again. */
  onBegin(): void;
  onItems(items: readonly ConsoleItem[]): void;
  onState(state: LinkState): void;
}

/** The way to the local AWS. */
export interface Link {
  /** Why it was not done; undefined where it was. Rejects where the local AWS does not answer. */
  act(action: ConsoleAction): Promise<RefusalReason | undefined>;
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

  async function follow(): Promise<"lost" | "refused" | "full"> {
    const again = session === "" ? undefined : await post("stream", {});
    const answer = again && again.status !== 401 ? again : await firstStream();
    if (!answer.ok || !answer.body) return (await reasonOf(answer)) === "too-many-pages" ? "full" : "refused";
    onBegin();
    onState("live");
    await read(answer.body, onItems);
    return "lost";
  }

  /** The stream of a new session, or the refusal of one. */
  async function firstStream(): Promise<Response> {
    const opened = await post("session", { key });
    if (!opened.ok) return opened;
    ({ session } = (await opened.json()) as { session: string });
    return await post("stream", {});
  }

  async function keepFollowing(): Promise<void> {
    for (let pauseMs = 500; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const end = await follow().catch(() => "lost" as const);
      onState(end);
      if (end === "refused" && key !== null) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  void keepFollowing();

  return {
    async act(action) {
      const answer = await post("action", action);
      return answer.ok ? undefined : await reasonOf(answer);
    },
  };
}

const reasonOf = async (answer: Response): Promise<RefusalReason> =>
  ((await answer.json()) as { reason: RefusalReason }).reason;

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
