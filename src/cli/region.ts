import { isAboutStacks } from "./print-advice.ts";
import { closest } from "../errors/closest.ts";
import type { Resolved } from "./resolve.ts";
import type { CommandName } from "../settings/commands.ts";
import { settingTable } from "../settings/table.ts";

/** The names of AWS's regions without their number, in November 2026. AWS adds some: they make a hint. */
const areas = (
  "af-south ap-east ap-northeast ap-south ap-southeast ca-central ca-west cn-north cn-northwest eu-central " +
  "eu-north eu-south eu-west eusc-de-east il-central me-central me-south mx-central sa-east us-east " +
  "us-west us-gov-east us-gov-west us-iso-east us-iso-west us-isob-east us-isof-south"
).split(" ");

/** The region that was probably meant by one that is not known; undefined where none is near. */
export function regionMeant(region: string): string | undefined {
  const [, area = "", number = ""] = /^(.*)-(\d+)$/.exec(region) ?? [];
  const meant = areas.includes(area) ? undefined : closest(area, areas);
  return meant && `${meant}-${number}`;
}

interface RegionNote {
  kind: "note" | "warning";
  message: string;
  hint?: string;
}

/** What to say of the region of this run, before anything else is said. */
export const regionNotes = (name: CommandName, resolved: Resolved): RegionNote[] => [
  ...unlikeTheFile(name, resolved),
  ...unknownRegion(name, resolved),
];

/**
 * A variable decides against what the config file names: it may be left from other work in the same shell,
 * and the stack is looked for, or deployed, where no one meant it. One of an environment's own settings is
 * not decided against (`refuseOtherRegion`).
 */
function unlikeTheFile(
  name: CommandName,
  { settings: { region, url, local }, sources, fileRegion, ownRegion }: Resolved,
): RegionNote[] {
  const isRefused = ownRegion !== undefined && !local;
  if (!isAboutStacks(name) || url !== undefined || fileRegion === undefined || isRefused) return [];
  if (region === fileRegion.region || !settingTable.region.env?.includes(sources.region)) return [];
  const message =
    `${sources.region} makes the region ${region}, not ${fileRegion.region} of ${fileRegion.source}: ` +
    `unset ${sources.region}, or pass --region, if that is not meant`;
  return [{ kind: "note", message }];
}

/** A region that AWS may not have: only the call would tell, as a host that is not found. */
function unknownRegion(name: CommandName, { settings: { region, local }, sources }: Resolved): RegionNote[] {
  const isUsed = name === "init" || (isAboutStacks(name) && !local);
  const meant = isUsed && region !== undefined ? regionMeant(region) : undefined;
  if (meant === undefined) return [];
  const message = `${sources.region} is "${region}", not a region that is known here`;
  return [{ kind: "warning", message, hint: `did you mean ${meant}?` }];
}
