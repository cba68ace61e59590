import { byHand, check, passed, warning } from "../check.ts";

/** AWS's answers tell whole seconds. */
const TOLERABLE_MS = 30_000;

/** Whether this machine's clock is AWS's: from five minutes on its signatures are refused. */
export const clock = check({
  id: "clock",
  hop: "account",
  title: "this machine's clock is right",
  needs: ["caller"],
  judge({ caller: { clockOffMs } }) {
    const seconds = Math.round(Math.abs(clockOffMs) / 1_000);
    const evidence = `${seconds} s ${clockOffMs > 0 ? "behind" : "ahead of"} AWS's`;
    if (Math.abs(clockOffMs) < TOLERABLE_MS) return passed(seconds === 0 ? "AWS's time" : evidence);
    return warning(
      "clock-wrong",
      evidence,
      "from 5 minutes on AWS and the backend reject what is signed with such a time",
      byHand("set the clock: timedatectl set-ntp true"),
    );
  },
});
