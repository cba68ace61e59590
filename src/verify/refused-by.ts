import type { Aws } from "../aws/clients.ts";
import { HandshakeError } from "../client/handshake.ts";

/**
 * What a command failed with. Where a deployed stage, not a `url` that was given, has refused a handshake, it
 * is told by whose code the function runs, as far as AWS tells that.
 */
export async function refusedBy(
  error: unknown,
  { url, functionName }: { url: string | undefined; functionName: string },
  opening: () => Promise<Aws>,
): Promise<unknown> {
  if (url !== undefined || !(error instanceof HandshakeError) || error.failure.kind !== "status")
    return error;
  try {
    const [aws, { servedCodeOwner }] = await Promise.all([opening(), import("../aws/code-owner.ts")]);
    return error.by(await servedCodeOwner(aws, functionName, "unknown"));
  } catch {
    return error.by("unknown");
  }
}
