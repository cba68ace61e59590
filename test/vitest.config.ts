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
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A developer's own settings must not decide a test.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", AWS_EC2_METADATA_DISABLED: "true" },
  },
});
