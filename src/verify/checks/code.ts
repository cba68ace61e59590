import { check, deploying, passed, warning } from "../check.ts";

/** Whether the function has the code of this version. */
export const code = check({
  id: "code",
  hop: "function",
  title: "it has the code that a deploy would give it",
  needs: ["lambda", "expected"],
  also: ["serving"],
  judge({ lambda: { CodeSha256 = "", LastModified }, expected: { sha256 }, serving }) {
    if (CodeSha256 === sha256) return passed(`sha256 ${short(sha256)}`);
    return warning(
      "code-other",
      `sha256 ${short(CodeSha256)}, written ${LastModified}; a deploy's would be ${short(sha256)}`,
      serving?.isRolledBack
        ? `it is the code of release ${serving.version}, an older one that serves after a rollback`
        : "it is older or newer than what a deploy would give it, or was changed by hand",
      deploying("function"),
    );
  },
});

const short = (sha256: string): string => `${sha256.slice(0, 12)}…`;
