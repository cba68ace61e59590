import { main } from "./cli/main.ts";
import { commands } from "./commands/index.ts";

await main(process.argv.slice(2), commands);
