import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { skipReasons } from "./support/skip-reasons.ts";

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    environment: "node",
    include: ["test/**/*.test.ts"],
    pool: "forks",
    reporters: ["default", skipReasons],
    // Files share their worker's modules: loading AWS's SDK anew in every file was half of the run. So a test
    // leaves its process as it was.
    isolate: false,
    unstubEnvs: true,
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A developer's own settings must not decide a test.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", AWS_EC2_METADATA_DISABLED: "true" },
  },
});
