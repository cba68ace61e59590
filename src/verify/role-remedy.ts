import type { Decision } from "../aws/simulation.ts";
import type { Step } from "../settings/table.ts";
import { byHand, deploying, type Remedy } from "./check.ts";
import type { Names } from "./evidence.ts";

/** A deploy of the role or its policy; of a role that others own, what its owner is asked for. */
export const roleRemedy = ({ roleArn }: Names, asked: string, ...steps: Step[]): Remedy =>
  roleArn === undefined ? deploying(...steps) : byHand(`ask the owner of ${roleArn} ${asked}`);

/** What lets a role do what it was refused, as a policy has it. */
export const missingStatement = (refused: readonly Decision[]): string =>
  JSON.stringify({
    Effect: "Allow",
    Action: [...new Set(refused.map(({ action }) => action))],
    Resource: [...new Set(refused.map(({ resource }) => resource.replace(/\bany$/, "*")))],
  });
