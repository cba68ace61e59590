import type { Objection } from "../errors/advice.ts";
import type { Report } from "../progress.ts";
import { namesFor, type OwnUnnamed } from "./own-code.ts";
import {
  isAdoptionBegun,
  isOurs,
  isUnclaimed,
  otherManagerIn,
  type CodeOwner,
  type Identity,
  type Tags,
} from "./tags.ts";

/** What decides which deploy of a stack is refused: tags of a part of it and, of its function, the code. */
interface Judged {
  tags: Tags;
  /** Absent for what is no function; `owner` is undefined where nothing says whose the code is. */
  code?: OwnUnnamed & { owner: CodeOwner | undefined };
}

/** Why a deploy that names nothing would be refused; undefined where it would not. */
function objectionTo({ tags, code }: Judged, identity: Omit<Identity, "run">): Objection | undefined {
  if (otherManagerIn(tags) !== undefined) return { to: "all" };
  if (isUnclaimed(tags)) return { to: "unadopted" };
  if (!isOurs(tags, { ...identity, run: "" })) return { to: "all" };
  if (isAdoptionBegun(tags)) return { to: "parts" };
  if (!code || code.owner === "shipped") return undefined;
  return code.owner === "own" ? { to: "unnamed", names: namesFor(code) } : { to: "unknown" };
}

/** Tells that, so that no advice of this run is refused. */
export function tellObjection(judged: Judged, identity: Omit<Identity, "run">, report: Report): void {
  const objection = objectionTo(judged, identity);
  if (objection) report({ kind: "objection", objection });
}
