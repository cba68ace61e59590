import { signingKeysIn } from "../../aws/signing-keys.ts";
import type { Variables } from "../../aws/variables.ts";
import { CliError } from "../../errors/error.ts";
import type { Report } from "../../progress.ts";
import type { Settings } from "../../settings/table.ts";
import { probeBackend, type BackendProbe } from "./ask-once.ts";
import { subjectOf } from "./subject.ts";

/** As which client, and whether a backend that is not proven may be written. */
type Asked = Pick<Settings, "backendUrl" | "variables" | "booking" | "type" | "token" | "strict">;

/**
 * Asks a backend whose address is about to be written, from this machine, with the keys that the function
 * will sign with. One that cannot be proven is warned of; with `--strict` nothing is written (CliError,
 * exit 3).
 */
export async function askNewBackend(
  { present, wanted }: { present: Variables; wanted: Variables },
  { strict, ...client }: Asked,
  { report, signal }: { report: Report; signal: AbortSignal },
): Promise<BackendProbe> {
  const { SIGNING_KEYS = "" } = present;
  const subject = subjectOf(client, wanted, signingKeysIn(SIGNING_KEYS, "the function's SIGNING_KEYS"));
  const probe = await probeBackend(subject, { signal });
  if (probe.code === "reached") return probe;
  const message = `${probe.backendUrl} is not proven, as asked from this machine: ${probe.meaning}`;
  const hint = probe.fix ?? undefined;
  if (strict) throw new CliError("backend-unproven", `nothing was written: ${message}`, { hint });
  report({ kind: "warning", message: `${message}; it is written all the same`, ...(hint && { hint }) });
  return probe;
}
