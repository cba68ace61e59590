import type { Step } from "../../settings/table.ts";
import { byHand, check, deploying, failed, passed, warning, type Remedy } from "../check.ts";
import type { Names } from "../evidence.ts";
import { roleRemedy } from "../role-remedy.ts";
import { stepThatLetsFramesThrough } from "../connections-proof.ts";

/** Whether frames leave: the function posts to a connection that cannot exist; 410 is good (AWS.md 2.3). */
export const push = check({
  id: "push",
  hop: "connections",
  title: "the function reaches @connections",
  needs: ["names", "frames"],
  about: "frames",
  judge({ frames: { code, reached, meaning }, names }) {
    if (reached) return passed(meaning);
    const step = stepThatLetsFramesThrough[code];
    const remedy = step ? remedyOf(step, names) : byHand(null);
    if (reached === null)
      return warning(code, meaning, "whether frames reach clients is not known", byHand(null));
    return failed(code, meaning, "no frame reaches a client", remedy);
  },
});

const remedyOf = (step: Step, names: Names): Remedy =>
  step === "policy" ? roleRemedy(names, "to allow that", step) : deploying(step);
