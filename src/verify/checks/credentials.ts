import { check, passed } from "../check.ts";

/** Whether AWS knows the caller; why it does not is told by the error itself. */
export const credentials = check({
  id: "credentials",
  hop: "account",
  title: "AWS knows the credentials",
  needs: ["caller"],
  about: "caller",
  judge: ({ caller: { arn, profile } }) => passed(profile === undefined ? arn : `${arn}, profile ${profile}`),
});
