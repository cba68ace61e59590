import type { CommandFiles } from "../cli/command.ts";

/** Each command's file; without the line of a command in `settings/commands` this does not compile. */
export const commands: CommandFiles = {
  init: () => import("./init.ts"),
  package: () => import("./package.ts"),
  plan: () => import("./plan.ts"),
  deploy: () => import("./deploy.ts"),
  status: () => import("./status.ts"),
  doctor: () => import("./doctor.ts"),
  env: () => import("./env.ts"),
  outputs: () => import("./outputs.ts"),
  policy: () => import("./policy.ts"),
  test: () => import("./test.ts"),
  connect: () => import("./connect.ts"),
  connections: () => import("./connections.ts"),
  "logs tail": () => import("./logs-tail.ts"),
  metrics: () => import("./metrics.ts"),
  cost: () => import("./cost.ts"),
  capacity: () => import("./capacity.ts"),
  trace: () => import("./trace.ts"),
  "backend init": () => import("./backend-init.ts"),
  "backend check": () => import("./backend-check.ts"),
  "backend keys": () => import("./backend-keys.ts"),
  destroy: () => import("./destroy.ts"),
  local: () => import("./local.ts"),
  demo: () => import("./demo.ts"),
  completion: () => import("./completion.ts"),
};
