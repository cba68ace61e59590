import fc from "fast-check";
import { expect, test } from "vitest";
import { readArguments, type Request } from "../../src/cli/arguments.ts";
import { globalSettings, readQuickly } from "../../src/cli/quick-arguments.ts";
import { commandNames, commandTable, type CommandName } from "../../src/settings/commands.ts";
import { settingTable } from "../../src/settings/table.ts";

/** What commander reads; undefined where it finds a mistake. */
function byCommander(argv: readonly string[]): Request | undefined {
  try {
    return readArguments(argv, "0");
  } catch {
    return undefined;
  }
}

/** The options of a command as they are written, right and wrong, with values and without. */
const wordsOf = (command: CommandName): fc.Arbitrary<string[]> => {
  const flags = [...globalSettings, ...commandTable[command].reads].flatMap((name) => {
    const { flag, negatable } = settingTable[name];
    const [word = "", value] = (flag ?? "").split(" ");
    if (word === "") return [];
    const takesBack = negatable ? [[word.replace("--", "--no-")]] : [];
    const withValue = value === undefined ? [[`${word}=x`]] : [[word, "-v"], [`${word}=`], [`${word}=a=b`]];
    return [[word], [word, "value"], ...withValue, ...takesBack];
  });
  const other = fc.constantFrom(["word"], [""], ["-"], ["--"], ["-h"], ["--help"], ["--nope"], ["-x"], ["1"]);
  return fc
    .array(fc.oneof({ arbitrary: fc.constantFrom(...flags), weight: 6 }, { arbitrary: other, weight: 1 }), {
      maxLength: 6,
    })
    .map((parts) => [...command.split(" "), ...parts.flat()]);
};

test("what is read quickly is what commander reads", () => {
  const words = fc.constantFrom(...commandNames).chain(wordsOf);
  let quickly = 0;
  fc.assert(
    fc.property(words, (argv) => {
      const read = readQuickly(argv);
      if (read === undefined) return;
      quickly += 1;
      expect(read).toEqual(byCommander(argv));
    }),
    { numRuns: 1_000 },
  );
  expect(quickly).toBeGreaterThan(100);
});

test.each([
  ["", []],
  ["help", ["--help"]],
  ["an unknown option", ["connect", "--nope"]],
  ["a missing value", ["connect", "--url"]],
  ["a value too many", ["connect", "--json=1"]],
  ["a word too many", ["connect", "word"]],
  ["help of a command", ["connect", "--help"]],
  ["no command first", ["--json", "connect"]],
])("%s is not read quickly", (_what, argv) => {
  expect(readQuickly(argv)).toBe(undefined);
});
