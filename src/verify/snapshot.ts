import type { Snapshot } from "./evidence.ts";

/** What a route or an integration does to clients, of which the stage may still serve a former state. */
export const onceServed = ({ isOfDeploy }: Snapshot, means: string): string =>
  isOfDeploy
    ? `${means}; if it was changed by hand since the last deploy, not before the stage's next deployment`
    : means;
