import { isAboutStacks } from "./print-advice.ts";
import type { Resolved } from "./resolve.ts";
import type { CommandName } from "../settings/commands.ts";
import { shorten } from "../settings/redact.ts";

/**
 * What to say where the config file has environments and none was chosen: the stack is then that of none. The
 * local AWS is a person's own, and need not have any.
 */
export function environmentNotes(
  name: CommandName,
  { settings: { env, local, url }, environments, file }: Resolved,
): { kind: "note"; message: string }[] {
  if (!isAboutStacks(name) || env !== undefined || local || url !== undefined) return [];
  if (environments.length === 0) return [];
  const list = shorten(environments.join(", "), 400);
  return [{ kind: "note", message: `no environment of ${file} is chosen (--env): it has ${list}` }];
}
