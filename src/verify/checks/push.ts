import { byHand, check, deploying, failed, passed, warning } from "../check.ts";
import { stepThatLetsFramesThrough } from "../connections-proof.ts";

/** Whether frames leave: the function posts to a connection that cannot exist; 410 is good (AWS.md 2.3). */
export const push = check({
  id: "push",
  hop: "connections",
  title: "the function reaches @connections",
  needs: ["frames"],
  about: "frames",
  judge({ frames: { code, reached, meaning } }) {
    if (reached) return passed(meaning);
    const step = stepThatLetsFramesThrough[code];
    const remedy = step ? deploying(step) : byHand(null);
    if (reached === null)
      return warning(code, meaning, "whether frames reach clients is not known", byHand(null));
    return failed(code, meaning, "no frame reaches a client", remedy);
  },
});
