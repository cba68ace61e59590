import type { Aws } from "./clients.ts";
import { serveOlder } from "./alias-move.ts";
import type { CheckTags } from "./lambda-function.ts";
import { moverIn, readReleases } from "./releases.ts";

/** Which release serves clients after a test of this run's has failed. */
export interface Serving {
  /** Null where that could not be read; `failure` says why. */
  serves: string | null;
  /** The one that served before this run, where it moved on; null where there is none. */
  before: string | null;
  /** Whether this run has taken its own release back. */
  rolledBack: boolean;
  /** Who lets another release than this one serve since; it stays. Null where that is not so. */
  movedBy: string | null;
  /**
   * Why this run could not take its own release back, or read what serves; null where it could, or was not
   * to.
   */
  failure: string | null;
}

/**
 * What serves once this run's `own` release is taken back, where it still serves, for the one `before`;
 * without `takesBack` it stays. A release that another run lets serve since is told, as the test says nothing
 * of it. Null where nothing serves.
 */
export async function servedAfterTest(
  aws: Aws,
  functionName: string,
  of: { before: string | null; own: string | null; takesBack: boolean; check: CheckTags },
): Promise<Serving | null> {
  const { before, own, takesBack, check } = of;
  const found = await readReleases(aws, functionName);
  if (!found || found.serves === null) return null;
  const stays = { serves: found.serves, before, rolledBack: false, movedBy: null, failure: null };
  if (own !== null && found.serves !== own) return { ...stays, movedBy: moverIn(found) };
  if (before === null || !takesBack) return stays;
  const serves = await serveOlder(aws, functionName, found, { serves: before, by: "deploy", check });
  // Moved since it was read: what serves now is told.
  return serves === before
    ? { ...stays, serves, rolledBack: true }
    : await servedAfterTest(aws, functionName, { ...of, takesBack: false });
}
