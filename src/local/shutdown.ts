import type { Server } from "node:http";

/**
 * How long the last answers, such as the end of a live tail, may take when the local AWS closes,
 * milliseconds.
 */
const lastAnswersMs = 500;

/**
 * Runs every step in order, also after a failed one: the state is saved even if a process cannot be ended.
 * Throws the first failure at the end.
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

/** Frees the port of a server, if it listens; connections are closed after a moment, answered or not. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const cut = setTimeout(() => server.closeAllConnections(), lastAnswersMs);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(cut);
}
