import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { environment } from "./program.ts";

/** Programs that people would take instead, by the names they are started with, and how each is installed. */
const installations = {
  wscat: "npm install --global wscat",
  osls: "npm install --global osls",
  cdk: "npm install --global aws-cdk",
} as const;
export type Peer = keyof typeof installations;

/** A peer that was not measured. */
export interface Absent {
  name: Peer;
  install: string;
}

/** Of a row's peers, those that this machine has; and the others. */
export function besideOurs<Turn>(peers: Readonly<Partial<Record<Peer, Turn>>>): {
  present: Readonly<Partial<Record<Peer, Turn>>>;
  absent: readonly Absent[];
} {
  const names = Object.keys(peers) as Peer[];
  const present = names.filter(isInstalled);
  const missing = names.filter((name) => !present.includes(name));
  return {
    present: Object.fromEntries(present.map((name) => [name, peers[name]])),
    absent: missing.map((name) => ({ name, install: installations[name] })),
  };
}

const isInstalled = (program: string): boolean =>
  (environment.PATH ?? "").split(delimiter).some((folder) => folder && isExecutable(join(folder, program)));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
