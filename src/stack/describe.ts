import type { Difference } from "./difference.ts";
import type { Action, Change, Scope } from "./engine.ts";

/** One resource in the result of plan, deploy and status. */
export interface ChangeLine {
  id: string;
  type: string;
  name: string;
  action: Action;
  /** False for what `--only` or `--code-only` left out: then nothing is known of it. */
  compared: boolean;
  differences: readonly Difference[];
}

/** The changes as plain data, without what is only looked up; `scope` as the plan or deploy had it. */
export const describeChanges = (changes: readonly Change[], scope: Scope = () => true): ChangeLine[] =>
  changes
    .filter(({ resource }) => resource.desired)
    .map(({ resource, action, differences }) => {
      const { id, type, name } = resource;
      return { id, type, name, action, compared: scope(resource), differences };
    });
