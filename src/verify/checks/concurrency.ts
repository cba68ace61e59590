import { byHand, check, failed, passed, warning } from "../check.ts";

/** A new account may run ten at once; more is raised on request (AWS.md 4.9). */
const FEW = 50;

/** Whether Lambda may run the function at all, and how often at once. */
export const concurrency = check({
  id: "concurrency",
  hop: "function",
  title: "Lambda may run it often enough",
  needs: ["names", "concurrency"],
  about: "concurrency",
  judge({ concurrency: { reserved, account }, names: { functionName } }) {
    if (reserved === 0)
      return failed(
        "function-throttled",
        "its reserved concurrency is 0",
        "every handshake and every message is refused; it may have been stopped so on purpose",
        byHand(`aws lambda delete-function-concurrency --function-name ${functionName}`),
      );
    if (reserved !== undefined) return passed(`${reserved} at once, reserved for it`);
    if (account >= FEW) return passed(`${account} at once for all functions of the account`);
    return warning(
      "concurrency-low",
      `${account} at once for all functions of the account`,
      "when clients come back together, some are refused",
      byHand("ask AWS for more in Service Quotas: Lambda, concurrent executions"),
    );
  },
});
