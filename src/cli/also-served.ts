import { command } from "../errors/advice.ts";
import type { AlsoServed } from "../stack/deploy.ts";
import { oneLine } from "../terminal/format.ts";
import type { Context } from "./context.ts";

/** Says, before it is written, what else a change of the function serves, or a planned one would. */
export const tellAlso = (
  { names, release }: AlsoServed,
  { report }: Pick<Context, "report">,
  subject: "this also serves" | "a deploy would also serve" = "this also serves",
): void =>
  report({
    kind: "warning",
    message:
      `${subject} what was changed since release ${oneLine(release)}: ` + names.map(oneLine).join(", "),
    hint: ["to see what serves: ", command("releases"), " and ", command("doctor")],
  });
