import { version } from "./cli/version.ts";

// Scripts ask for the version most often; it needs nothing else of this program.
if (process.argv.length === 3 && process.argv[2] === "--version") process.stdout.write(`${version}\n`);
else await (await import("./cli/main.ts")).main(process.argv.slice(2));
