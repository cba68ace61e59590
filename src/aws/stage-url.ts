import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { Settings } from "../settings/table.ts";
import type { Aws } from "./clients.ts";

/**
 * The deployed stage's `wss://` URL: our API of that name, or the only one of it, ours or not. Throws a
 * CliError when there is none, or (exit 4) when it is not clear which.
 */
export async function stageUrl(
  opening: Promise<Aws>,
  names: Pick<Settings, "functionName" | "apiName" | "stage">,
): Promise<string> {
  const [aws, { deployedApi }] = await Promise.all([opening, import("./deployed.ts")]);
  const found = await deployedApi(aws, names);
  if (found) return `${found.ApiEndpoint}/${names.stage}`;
  await (await import("./code-owner.ts")).tellOfDeploys(aws, names.functionName);
  throw new CliError("not-deployed", `there is no API named ${names.apiName} in ${aws.region}`, {
    hint: ["deploy it: ", command("deploy"), "; or pass the address with --url wss://…"],
  });
}

/** What signs the handshakes of a run, for routes with IAM authorization. */
export async function signer(
  opening: Promise<Aws>,
): Promise<(address: URL) => Promise<Record<string, string>>> {
  const [aws, { signedUpgrade }] = await Promise.all([opening, import("./sign-upgrade.ts")]);
  return (address) => signedUpgrade(aws, address);
}
