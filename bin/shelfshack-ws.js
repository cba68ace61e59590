#!/usr/bin/env node
import { existsSync } from "node:fs";

const start = new URL("../dist/start.js", import.meta.url);
if (existsSync(start)) await import(start.href);
else {
  process.stderr.write("error: this clone is not built yet: run npm run ready\n");
  process.exitCode = 1;
}
