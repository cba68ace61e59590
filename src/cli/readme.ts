import { commandTable, formsOn } from "../settings/commands.ts";
import { descriptionOf, settingNames, settingTable } from "../settings/table.ts";
import { defaultWords, negated } from "./resolve.ts";

/** The README's tables, by the names of their markers. */
export const tables = {
  commands: commandsAsMarkdown,
  settings: settingsAsMarkdown,
  besideTerraform: formsAsMarkdown,
};

/**
 * A page with its tables written anew between their markers, `<!-- NAME -->` and `<!-- /NAME -->`. A table
 * without markers is left out.
 */
export function withTables(page: string, tablesByName: Readonly<Record<string, () => string>>): string {
  return Object.entries(tablesByName).reduce((text, [name, table]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const before = text.indexOf(start);
    const after = text.indexOf(end);
    return before < 0 || after < before
      ? text
      : `${text.slice(0, before)}${start}\n${table()}\n${text.slice(after)}`;
  }, page);
}

function commandsAsMarkdown(): string {
  return markdownTable(
    ["command", "what it does"],
    Object.entries(commandTable).map(([name, { summary }]) => [code(name), summary]),
  );
}

function formsAsMarkdown(): string {
  const { reads, plans, writes } = formsOn();
  const listOf = (lines: readonly string[]) => lines.map(code).join(", ");
  return markdownTable(
    ["on a stack of Terraform's", "commands"],
    [
      ["work as on any other", listOf(reads)],
      ["show what differs, and end with exit code 4", listOf(plans)],
      ["end with exit code 4 and change nothing", listOf(writes)],
    ],
  );
}

function settingsAsMarkdown(): string {
  return markdownTable(
    ["option", "variable", "config key", "default", "meaning"],
    settingNames.map((name) => {
      const { flag, negatable, env = [], key, defaultText, default: fallback } = settingTable[name];
      const variables = env.map((variable) => code(variableWords(flag, variable))).join(", ");
      return [
        [code(flag), ...(negatable && flag ? [code(negated(flag))] : [])].join(", "),
        variables,
        code(key && isNegated(flag) ? `"${key}": false` : key),
        code(defaultText ?? defaultWords(fallback)),
        descriptionOf(name),
      ];
    }),
  );
}

/** An option like `--no-test` takes something away; its variable and key say whether it is there. */
const isNegated = (flag: string | undefined): boolean => flag?.startsWith("--no-") ?? false;
const variableWords = (flag: string | undefined, variable: string): string =>
  isNegated(flag) ? `${variable}=false` : variable;

const code = (words: string | undefined): string => (words ? `\`${words}\`` : "");

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
