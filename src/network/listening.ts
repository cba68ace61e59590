import { once } from "node:events";
import { connect } from "node:net";

const MOST_MS = 500;

/** Whether a program of this machine takes connections at a port of loopback, as the local AWS does. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(MOST_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
