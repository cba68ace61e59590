import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import type { TestContext } from "vitest";

/** A user without rights where we are root, whom no file mode stops. */
export const unprivileged = process.getuid?.() === 0 ? 65_534 : undefined;

/** Skips the test where we are root and this Node lies in a folder that only root may enter. */
export function needsOtherUser({ skip }: TestContext): void {
  const user = unprivileged === undefined ? {} : { uid: unprivileged, gid: unprivileged };
  const { status } = spawnSync(process.execPath, ["--version"], { ...user, cwd: "/" });
  skip(status !== 0, `only root can run ${process.execPath}, and root can write to unwritable files`);
}

/** Skips the test where we are not root, who alone can be another user, or where no system tells of users. */
export function needsRoot(context: TestContext): void {
  context.skip(process.platform !== "linux", "only Linux tells which user a connection is of");
  context.skip(unprivileged === undefined, "only root can start a process of another user");
  needsOtherUser(context);
}

/** A request of HTTP, and what became of it; `error` instead where the connection was cut. */
export interface RequestOfOther {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Sends the request and closes the connection at once. */
  leaves?: boolean;
}
export interface AnswerToOther {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const script = `
const http = require("node:http");
const { url, method = "GET", headers = {}, body = "", leaves } = JSON.parse(process.argv[1]);
const print = (status, headers, body) => console.log(JSON.stringify({ status, headers, body }));
const length = { "content-length": Buffer.byteLength(body) };
const sent = http.request(url, { method, headers: { ...headers, ...length } });
sent.on("response", (response) => {
  let text = "";
  response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  response.on("end", () => print(response.statusCode, response.headers, text));
});
sent.on("upgrade", (response, socket) => (socket.destroy(), print(response.statusCode, {}, "")));
sent.on("error", ({ code }) => print(0, {}, code));
sent.end(body, () => leaves && sent.destroy());
`;

/** Sends a request as another user of this machine. */
export async function asOtherUser(request: RequestOfOther): Promise<AnswerToOther> {
  const user = unprivileged ?? 0;
  const words = ["-e", script, JSON.stringify(request)];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    uid: user,
    gid: user,
    cwd: "/",
    env: {},
  });
  return JSON.parse(stdout) as AnswerToOther;
}
