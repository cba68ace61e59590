import { check, deploying, failed, passed } from "../check.ts";

/** Whether Lambda calls the function that the code has. */
export const handler = check({
  id: "handler",
  hop: "function",
  title: "its handler is the code's",
  needs: ["lambda", "expected"],
  judge({ lambda: { Handler }, expected: { handler: wanted } }) {
    if (Handler === wanted) return passed(wanted);
    return failed(
      "handler-other",
      `handler ${Handler}, should be ${wanted}`,
      "Lambda does not find the function in the code, or runs another one: handshakes end with 502",
      deploying("function"),
    );
  },
});
