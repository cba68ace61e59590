import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { distrust } from "../../files/trust.ts";
import { linkTo } from "../../files/write.ts";

/** What Lambda's Node runtimes have installed (AWS.md 4.10). */
const scopes = ["@aws-sdk", "@smithy"] as const;

/**
 * Lets functions that are unpacked below a folder find the AWS SDK that is installed for the first of some
 * others, unless other users could have written it: Node looks for a package in `node_modules` of every
 * folder above.
 */
export async function linkSdk(above: string, from: readonly string[]): Promise<void> {
  const installed = [...from.flatMap(upwards), globalPackages].find((folder) =>
    [folder, join(folder, scopes[0])].every(isTrusted),
  );
  if (installed === undefined) return;
  for (const scope of scopes) await linkTo(join(installed, scope), join(above, "node_modules", scope));
}

/** Whether a folder is there, and this user's or root's alone, as one in `/tmp` need not be. */
function isTrusted(folder: string): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats !== undefined && distrust(stats) === undefined;
}

/** The `node_modules` of a folder and of all above it. */
function upwards(folder: string): string[] {
  const above = dirname(folder);
  return [join(folder, "node_modules"), ...(above === folder ? [] : upwards(above))];
}

/** Where `npm install --global` puts packages. */
const globalPackages = join(dirname(process.execPath), "..", "lib", "node_modules");

/**
 * The package that a function misses, where Lambda's runtimes bring it, and how it is installed here;
 * undefined for any other failure.
 */
export function broughtByLambda(message: string): { name: string; install: string } | undefined {
  const [, node] = /Cannot find (?:module|package) '((?:@aws-sdk|@smithy)\/[\w-]+)/.exec(message) ?? [];
  if (node !== undefined) return { name: node, install: `npm install --save-dev ${node}` };
  const [, python] =
    /No module named '(boto3|botocore|s3transfer|jmespath|dateutil|urllib3|six)\b/.exec(message) ?? [];
  return python === undefined ? undefined : { name: python, install: "python3 -m pip install boto3" };
}
