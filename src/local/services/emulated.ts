import { describeMembers } from "../wire/members.ts";
import { services } from "./services.ts";

/** The table of AWS.md 9: every operation that is emulated, with the members that it takes. */
export function emulatedAsMarkdown(): string {
  const rows = services.flatMap(({ name, operations }) =>
    operations
      .toSorted((one, other) => one.name.localeCompare(other.name, "en"))
      .map((operation) => {
        const { acts, keeps } = describeMembers(operation.members);
        return `| ${name} | ${operation.name} | ${acts.join(", ")} | ${keeps.join(", ")} |`;
      }),
  );
  return [
    "| service | operation | acts on | keeps, or takes without effect |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}
