import { spawn } from "node:child_process";
import { temporaryFile } from "../files/write.ts";

/** What opens an address in the user's browser, by platform. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};
const usual = ["xdg-open"] as const;

/** A page that is opened in the browser. */
interface OpenedPage {
  /** False where this machine has nothing that opens it. */
  isOpen: boolean;
  close(): Promise<void>;
}

/**
 * Opens an address of ours in the browser. One with a key is opened by way of a file of this user's alone,
 * because every user of the machine sees the arguments of a process.
 */
export async function openPage(url: string): Promise<OpenedPage> {
  if (!url.includes("#")) return { isOpen: await started(url), close: async () => undefined };
  const { file, remove } = await temporaryFile("open.html", leadingTo(url));
  return { isOpen: await started(file), close: remove };
}

const leadingTo = (url: string): string =>
  `<!doctype html><meta http-equiv="refresh" content="0; url=${url}"><a href="${url}">the console</a>\n`;

function started(address: string): Promise<boolean> {
  const [program, ...args] = openers[process.platform] ?? usual;
  return new Promise((resolve) => {
    const child = spawn(program, [...args, address], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false)).once("spawn", () => resolve(true));
    child.unref();
  });
}
