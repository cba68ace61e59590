import type { ErrorCode } from "../errors/codes.ts";
import type { Difference } from "./difference.ts";
import { isWanted, type Action, type Change, type Scope } from "./engine.ts";

/** One resource in the result of plan, deploy and status. */
export interface ChangeLine {
  id: string;
  type: string;
  name: string;
  action: Action;
  /** False for what `--only` or `--code-only` left out: then nothing is known of it. */
  compared: boolean;
  differences: readonly Difference[];
  /** Why nothing is known of it; null for all that was read. */
  unread: { code: ErrorCode; message: string } | null;
}

/**
 * The changes as plain data, without what is only looked up or left as it is, and what no stack has any more;
 * `scope` as the plan or deploy had it.
 */
export const describeChanges = (changes: readonly Change[], scope: Scope = () => true): ChangeLine[] =>
  changes
    .filter(({ resource }) => resource.desired && isWanted(resource))
    .filter(({ resource, action }) => !resource.former || action !== "none")
    .map(({ resource, action, differences, unread }) => {
      const { id, type, name } = resource;
      const compared = scope(resource) && !unread;
      const error = unread ? { code: unread.code, message: unread.message } : null;
      return { id, type, name, action, compared, differences, unread: error };
    });
