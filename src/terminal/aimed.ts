import { settingTable, type Settings } from "../settings.ts";

/** Commands about a stack; `local` and `demo` bring their own. */
const aboutStacks =
  /\bshelfshack-ws ((?:plan|deploy|status|destroy|outputs|connect|test|logs tail|backend check|backend keys(?: show| rotate)?)\b)(?![^\n]*--local)/g;

/** The text, with the options that lead to the stack of this run in every command that it names: followed as it stands, it must not reach another one. */
export function aimed(text: string, { local, env, port }: Pick<Settings, "local" | "env" | "port">): string {
  const options = `${local ? " --local" : ""}${env === undefined ? "" : ` --env ${env}`}`;
  if (options === "") return text;
  const place = local && port !== settingTable.port.default ? `SHELFSHACK_PORT=${port} ` : "";
  return text.replace(aboutStacks, `${place}shelfshack-ws $1${options}`);
}
