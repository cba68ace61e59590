import { safe, withoutCommands } from "./safe.ts";
import { unstyled } from "./style.ts";

/** The line that GitHub Actions shows as an annotation of the run, made safe; it reads both streams. */
export function annotation({
  level,
  message,
  hint,
}: {
  level: "error" | "warning";
  message: string;
  hint: string | undefined;
}): string {
  const words = withoutCommands(safe(unstyled(hint === undefined ? message : `${message}\n${hint}`)));
  return `::${level} title=shelfshack-ws::${escaped(words)}\n`;
}

/** The line that keeps a text out of the run's log from then on. */
export const mask = (secret: string): string => `::add-mask::${escaped(secret)}\n`;

const escaped = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

/** Adds a text, as it stands, to the summary of a step. */
export async function writeStepSummary(file: string, heading: string, text: string): Promise<void> {
  const shown = safe(unstyled(text));
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  const { appendTo } = await import("../files/write.ts");
  await appendTo(file, `### ${heading}\n\n${fence}\n${shown}\n${fence}\n`);
}
