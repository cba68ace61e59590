import { spawn } from "node:child_process";

/** What opens an address in the user's browser, by platform. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};
const usual = ["xdg-open"] as const;

/** Opens an address of ours in the browser; false where this machine has nothing that does. */
export function openPage(url: string): Promise<boolean> {
  const [program, ...args] = openers[process.platform] ?? usual;
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false)).once("spawn", () => resolve(true));
    child.unref();
  });
}
