import type { Command } from "./command.ts";

/** A command's row: enough for the program's help; the file itself is loaded when it is called. */
export interface CommandEntry {
  /** One word, or two as in "logs tail". */
  name: string;
  summary: string;
  load(): Promise<{ command: Command<unknown, unknown> }>;
}

/** Every command, in the order of the help. A new one is its file and one line here. */
export const commands: readonly CommandEntry[] = [
  { name: "package", summary: "make the zip of the handler", load: () => import("./package.ts") },
];
