import { bareNodeMs, msOf, msOfProgram, ours } from "./program.ts";
import type { Row } from "./row.ts";

/** A program that has a command of that name too. */
const startUpOf = async (program: string) => ({
  version: await msOfProgram(program, ["--version"]),
  help: await msOfProgram(program, ["--help"]),
  command: await msOfProgram(program, ["deploy", "--help"]),
});

/** What is printed without any work, from the start of the process to its end. */
export const row: Row = {
  title: "start-up, process",
  rounds: 15,
  async open() {
    return {
      lines: [
        { figure: "version", what: "--version", unit: "ms", floor: "bare node", goal: 1.2 },
        { figure: "help", what: "--help", unit: "ms", floor: "bare node", goal: 1.4 },
        { figure: "command", what: "deploy --help", unit: "ms", floor: "bare node", goal: 1.5 },
      ],
      contenders: {
        ours: async () => ({
          version: await msOf([ours, "--version"]),
          help: await msOf([ours, "--help"]),
          command: await msOf([ours, "deploy", "--help"]),
        }),
        "bare node": async () => ({
          version: await bareNodeMs(),
          help: await bareNodeMs(),
          command: await bareNodeMs(),
        }),
      },
      peers: {
        wscat: async () => ({
          version: await msOfProgram("wscat", ["--version"]),
          help: await msOfProgram("wscat", ["--help"]),
        }),
        osls: () => startUpOf("osls"),
        cdk: () => startUpOf("cdk"),
      },
    };
  },
};
