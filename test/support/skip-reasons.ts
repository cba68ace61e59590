import type { Reporter, TestModule } from "vitest/node";

/**
 * Prints why tests were skipped, each reason once with how many tests it kept from running: the default
 * reporter keeps that to itself.
 */
export const skipReasons: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const counts = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        const result = test.result();
        const reason = (result.state === "skipped" && result.note) || "no reason was given";
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
      }
    }
    for (const [reason, count] of counts)
      process.stdout.write(`${count} ${count === 1 ? "test" : "tests"} skipped: ${reason}\n`);
  },
};
