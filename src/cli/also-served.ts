import { command } from "../errors/advice.ts";
import type { AlsoServed } from "../resources/stack.ts";
import { oneLine } from "../terminal/format.ts";
import type { Context } from "./context.ts";

/** Says, before it is written, what else a change of the function serves. */
export const tellAlso = ({ names, release }: AlsoServed, { report }: Pick<Context, "report">): void =>
  report({
    kind: "warning",
    message:
      `this also serves what was changed since release ${oneLine(release)}: ` + names.map(oneLine).join(", "),
    hint: ["to see what serves: ", command("releases"), " and ", command("doctor")],
  });
