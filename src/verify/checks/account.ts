import { byHand, check, failed, passed } from "../check.ts";

/** Whether the credentials belong to the account that the configuration names. */
export const account = check({
  id: "account",
  hop: "account",
  title: "it is the expected account and region",
  needs: ["names", "caller"],
  judge({ caller, names: { account: expected, region } }) {
    const place = `account ${caller.account}, region ${region}`;
    if (expected === undefined || expected === caller.account) return passed(place);
    return failed(
      "account-other",
      `${place}; the configuration says ${expected}`,
      "another stack is checked than the one that is meant",
      byHand(
        "use the profile of that account (--profile; AWS_PROFILE comes before keys in variables), " +
          "or correct the account in the configuration",
      ),
    );
  },
});
