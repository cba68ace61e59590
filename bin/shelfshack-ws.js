#!/usr/bin/env node
// Nothing is imported before Node's version is known: an older one fails at what it does not have.
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error: this is Node ${process.versions.node}, shelfshack-ws needs 20.19 or newer\n`);
  process.exitCode = 1;
} else await start();

async function start() {
  const { existsSync } = await import("node:fs");
  const built = new URL("../dist/start.js", import.meta.url);
  if (existsSync(built)) return await import(built.href);
  process.stderr.write("error: this clone is not built yet: run npm run ready\n");
  process.exitCode = 1;
}
