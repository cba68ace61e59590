import type { Command } from "../cli/command.ts";

/** A command's row: enough for the program's help; the file itself is loaded when it is called. */
export interface CommandEntry {
  /** One word, or two as in "logs tail". */
  name: string;
  summary: string;
  load(): Promise<{ command: Command<unknown, unknown> }>;
}

/** Every command, in the order of the help. A new one is its file and one line here. */
export const commands: readonly CommandEntry[] = [
  { name: "package", summary: "make the zip of the handler", load: () => import("./package.ts") },
  { name: "plan", summary: "show what deploy would change", load: () => import("./plan.ts") },
  { name: "deploy", summary: "make AWS match the description", load: () => import("./deploy.ts") },
  {
    name: "status",
    summary: "show what is there, what differs, and the URL",
    load: () => import("./status.ts"),
  },
  {
    name: "outputs",
    summary: "print values for the front end, the backend, Terraform or GitHub",
    load: () => import("./outputs.ts"),
  },
  {
    name: "test",
    summary: "invoke the function with a test event, and say how far it came",
    load: () => import("./test.ts"),
  },
  { name: "connect", summary: "open a real WebSocket to the stage", load: () => import("./connect.ts") },
  { name: "logs tail", summary: "print what the function logs, live", load: () => import("./logs-tail.ts") },
  {
    name: "backend init",
    summary: "write the router for a FastAPI backend",
    load: () => import("./backend-init.ts"),
  },
  {
    name: "backend check",
    summary: "prove that a backend keeps the contract",
    load: () => import("./backend-check.ts"),
  },
  {
    name: "backend keys",
    summary: "show or rotate the signing keys",
    load: () => import("./backend-keys.ts"),
  },
  { name: "destroy", summary: "remove what deploy made", load: () => import("./destroy.ts") },
  {
    name: "local",
    summary: "run a local AWS with the stack deployed to it",
    load: () => import("./local.ts"),
  },
  {
    name: "demo",
    summary: "show all of it on this machine, without an account",
    load: () => import("./demo.ts"),
  },
];
