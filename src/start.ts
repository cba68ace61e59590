import { main } from "./cli/main.ts";
import { commands } from "./commands/index.ts";

void main(process.argv.slice(2), commands);
