import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { skipReasons } from "./support/skip-reasons.ts";

const slow = "test/**/*.slow.test.ts";
const alone = "test/**/*.alone.slow.test.ts";
const project = (name: string, test: object) => ({ extends: true as const, test: { name, ...test } });

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    environment: "node",
    pool: "forks",
    reporters: ["default", skipReasons],
    // Files share their worker's modules: loading AWS's SDK anew in every file was half of the run. So a test
    // leaves its process as it was.
    isolate: false,
    projects: [
      project("fast", { include: ["test/**/*.test.ts"], exclude: [slow] }),
      project("slow", { include: [slow], exclude: [alone] }),
      // What measures its own process has one of its own.
      project("alone", { include: [alone], isolate: true }),
    ],
    unstubEnvs: true,
    // Two for each core of CI: a test waits for about half of its time.
    maxWorkers: 4,
    // Some tests start ten processes, and a loaded machine takes seconds for one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A developer's own settings must not decide a test, nor the key of his own local AWS.
    env: {
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      AWS_EC2_METADATA_DISABLED: "true",
      XDG_STATE_HOME: join(tmpdir(), "shelfshack-ws-no-state"),
    },
  },
});
