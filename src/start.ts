import { version } from "./cli/version.ts";

// Scripts ask for the version most often; it needs nothing else of this program.
if (process.argv.length === 3 && process.argv[2] === "--version") process.stdout.write(`${version}\n`);
else {
  const [{ main }, { commands }] = await Promise.all([
    import("./cli/main.ts"),
    import("./commands/index.ts"),
  ]);
  await main(process.argv.slice(2), commands);
}
