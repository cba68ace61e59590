import type { Server } from "node:http";

/** How long the last answers, such as the end of a live tail, may take when the local AWS closes. */
const lastAnswersMs = 500;

/**
 * Takes every step in turn, also after one that failed: a process that cannot be ended must not cost the
 * state. Throws the first failure at the end.
 */
export async function shutDown(steps: readonly (() => Promise<unknown> | void)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Frees the port of a server, if it listens; its last answers are cut off after a moment. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const cut = setTimeout(() => server.closeAllConnections(), lastAnswersMs);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(cut);
}
