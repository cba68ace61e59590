import { isIP } from "node:net";
import { packageHandler, requireHandler } from "../artifact/zip.ts";
import type { Context } from "./command.ts";
import { CliError } from "../errors/error.ts";
import type { Settings } from "../settings/table.ts";
import { connectAws } from "../aws/clients.ts";
import type { Run } from "../stack/create.ts";
import { stackOf, type WebSocketStack } from "../resources/stack.ts";
import { newRun } from "../aws/tags.ts";

/** A stack as the settings describe it, with the clients to reach it. */
export interface OpenStack {
  stack: WebSocketStack;
  walk: Run;
  zip: { bytes: number; sha256: string };
}

/** Describes the stack that the settings mean and connects to AWS; calls nothing yet. */
export async function openStack(
  settings: Settings,
  { report, signal }: Pick<Context, "report" | "signal">,
): Promise<OpenStack> {
  const { zip, sha256, entries } = await packageHandler();
  requireHandler(settings, entries);
  const aws = await connectAws(settings, { report, signal });
  const stack = stackOf({
    ...settings,
    region: aws.region,
    timeout: settings.functionTimeout,
    zip,
    zipSha256: sha256,
    run: newRun({ isPartial: settings.only !== undefined }),
  });
  return { stack, walk: { aws, report, signal, timeScale: 1 }, zip: { bytes: zip.length, sha256 } };
}

/** The environments in which a backend without TLS is refused rather than warned of. */
const isProduction = (env: string | undefined): boolean => env?.startsWith("prod") ?? false;
const isPrivate = (hostname: string): boolean =>
  privateName.test(hostname) || (isIP(hostname.replace(/^\[|\]$/g, "")) > 0 && privateAddress.test(hostname));
const privateName = /^localhost$|\.(internal|local|localhost)$/;
const privateAddress = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])/;

/**
 * Throws a CliError (exit 2) without a backend URL, or (exit 4) for plain http to a public address in
 * production; elsewhere that is a warning.
 */
export function checkBackendUrl(
  { backendUrl, env, allowHttp }: Settings,
  { report }: Pick<Context, "report">,
): void {
  if (!backendUrl) {
    throw new CliError("no-backend-url", "no backend URL is set", {
      hint: 'pass --backend-url https://api.example.com, set SHELFSHACK_BACKEND_URL, or set "backendUrl" in shelfshack-ws.config.json',
    });
  }
  const { protocol, hostname } = new URL(backendUrl);
  if (protocol === "https:" || isPrivate(hostname) || allowHttp) return;
  const message = `${backendUrl} is plain http to a public address: tokens and messages can be read on the way`;
  if (isProduction(env))
    throw new CliError("plain-http", message, { hint: "use https, or pass --allow-http" });
  report({ kind: "warning", message, hint: "use https before this goes to production" });
}
