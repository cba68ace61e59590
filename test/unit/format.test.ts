import { Chalk } from "chalk";
import { expect, test } from "vitest";
import { duration, fold, headedTable, table, tableLines, widthOf, wrap } from "../../src/terminal/format.ts";
import { asPieces, asRecord } from "../../src/terminal/record.ts";
import { paint, style, whole } from "../../src/terminal/style.ts";

const chalk = new Chalk({ level: 1 });
const rows = [
  [
    "Role",
    "shelfshack-websocket-proxy-role",
    "arn:aws:iam::123456789012:role/shelfshack-websocket-proxy-role",
  ],
  ["Api", "shelfshack-websocket-api", "the API that browsers connect to, with three routes and one stage"],
  ["Permission", "", "你好 你好"],
];
const letters = (text: string) => text.replaceAll(/\s/g, "");

const isOneWord = (line: string) => !/\S\s+\S/.test(line);

test.each([20, 40, 80, 200])(
  "a table fits %i columns, but for a long name, and leaves nothing out",
  (width) => {
    const lines = table(rows, width).split("\n");
    for (const line of lines) if (!isOneWord(line)) expect(widthOf(line)).toBeLessThanOrEqual(width);
    const shown = letters(lines.join(""));
    const cells = rows.flat().map(letters);
    expect(Array.from(shown).sort().join("")).toBe(Array.from(cells.join("")).sort().join(""));
  },
);

test("a table that fits has its columns below each other and no spaces at the ends", () => {
  expect(
    table(
      [
        ["a", "bb", "c"],
        ["aaa", "b", "cc"],
      ],
      80,
    ),
  ).toBe("a    bb  c\naaa  b   cc");
  expect(table([], 80)).toBe("");
});

test("a row that is no line any more says what each value is, and one in columns has the head above", () => {
  const head = ["", "limit", "needed", "raised"];
  const limits = [
    ["✓", "new connections", "0.56 a second", "on request"],
    ["?", "the backend's requests", "", "by you"],
  ];
  expect(headedTable(head, limits, 80).split("\n")).toEqual([
    "   limit                   needed         raised",
    "✓  new connections         0.56 a second  on request",
    "?  the backend's requests                 by you",
  ]);
  expect(headedTable(head, limits, 24).split("\n")).toEqual([
    "✓  new connections",
    "   needed: 0.56 a second",
    "   raised: on request",
    "?  the backend's",
    "   requests",
    "   raised: by you",
  ]);
  const long = "x".repeat(30);
  const mixed = [
    ["a", "b", "c"],
    ["d", "e", long],
  ];
  expect(headedTable(["limit", "needed", "raised"], mixed, 40).split("\n")).toEqual([
    "limit  needed  raised",
    "a      b       c",
    "d",
    "  needed: e",
    `  raised: ${long}`,
  ]);
});

test("a remark stands below its row and keeps to no column", () => {
  expect(table([["~ update", "Function"], "MemorySize: 128 → 256", ["+ create", "Api"]], 80)).toBe(
    "~ update  Function\n    MemorySize: 128 → 256\n+ create  Api",
  );
  expect(table([["Api"], "one two three"], 12)).toBe("Api\n    one two\n    three");
});

test("without a screen no line is wrapped", () => {
  expect(table(rows, Infinity).split("\n")).toHaveLength(3);
});

test("words wrap between words, and a word that is too long where no name is broken", () => {
  expect(wrap("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrap("abcdefghij", 4)).toEqual(["abcdefghij"]);
  expect(wrap('{"a":[1,2],"name":"a-b_c"}', 6)).toEqual(['{"a":[', '1,2],"', 'name":', '"a-b_c', '"}']);
  expect(wrap("你好你好", 4)).toEqual(["你好", "你好"]);
});

test("text for people is folded between words alone, and hangs", () => {
  expect(fold("one two three\nfour", 8)).toBe("one two\n  three\nfour");
  expect(fold("  one two three", 10)).toBe("  one two\n    three");
  expect(fold("| one two three", 10)).toBe("| one two\n| three");
  expect(fold("name   one two three four", 16)).toBe("name   one two\n  three four");
  expect(fold("name   one two three four", 21)).toBe("name   one two three\n       four");
  expect(fold("at http://127.0.0.1:4566 now", 8)).toBe("at\n  http://127.0.0.1:4566\n  now");
  expect(fold("one two three", Infinity)).toBe("one two three");
});

test("a command is not broken where its line is folded, and what follows is not copied with it", () => {
  const text = `run: ${whole("shelfshack-ws deploy --local")}; then ${style.bold("read this")}`;
  expect(paint(fold(text, 12))).toBe("run:\n  shelfshack-ws deploy --local\n  then read\n  this");
  expect(paint(fold(text, 12), chalk)).toContain("shelfshack-ws deploy --local\n");
  const checked = `restart it: ${whole("shelfshack-ws outputs")}; check it: ${whole("shelfshack-ws test")}.`;
  expect(paint(fold(checked, 60))).toBe("restart it: shelfshack-ws outputs\n  check it: shelfshack-ws test.");
});

test("what is said behind a command begins where its own line does", () => {
  const text = `  which: ${whole("shelfshack-ws doctor")}; this shows why: ${whole("shelfshack-ws trace")}`;
  expect(paint(fold(text, 30))).toBe(
    "  which: shelfshack-ws doctor\n  this shows why:\n    shelfshack-ws trace",
  );
});

test("two cells of a row never wrap beside each other, and no name loses what closes it", () => {
  const row = ["✓", "a client is accepted through it", "the backend accepted the event"];
  expect(table([row], 38)).toBe("✓  a client is accepted through it\n   the backend accepted the event");
  expect(wrap("no group /aws/lambda/proxy, and no more", 18)).toEqual([
    "no group",
    "/aws/lambda/proxy,",
    "and no more",
  ]);
});

test("no word is broken in a column, and no address at all", () => {
  expect(table([["one", "shelfshack-websocket-api"]], 26)).toBe("one\n  shelfshack-websocket-api");
  expect(table([["a", "http://127.0.0.1:4566/x"]], 20)).toBe("a\n  http://127.0.0.1:4566/x");
});

const names = [
  `arn:aws:lambda:eu-central-1:123456789012:function:${"team-shelfshack-websocket-proxy-".repeat(2)}`,
  `/aws/lambda/shelfshack-production-${"x".repeat(40)}`,
  `wss://abcdefghij.execute-api.eu-central-1.amazonaws.com/${"dev".repeat(9)}?booking_id=1&type=booking`,
  `L0SM9cOFvHcCIhw=`,
  `shelfshack-ws-${"long".repeat(12)}`,
];
/** Every way in which a text is laid out, with a name in it. */
const layouts: Record<string, (name: string, width: number) => string> = {
  table: (name, width) => table([["Function", "what it is called", name, "up to date"]], width),
  "table, marked": (name, width) => table([["✓", style.bold(`the function ${name} is there`), "x"]], width),
  "table with a head": (name, width) => headedTable(["", "name", "state"], [["✓", name, "created"]], width),
  remark: (name, width) => table([["~ update", "Function"], `Role: ${name} → none`], width),
  record: (name, width) => asRecord("12:00:00.000 INFO", `invoked ${name} {"name":"${name}"}`, width),
  "record of lines": (name, width) =>
    asRecord("12:00:00.000 INFO", `failed\nat ${name}, which is gone`, width),
  pieces: (name, width) => asPieces("12:00:00.000 message", ["a", `${name}`, "backend 200"], width),
  text: (name, width) => fold(`the function ${name} is not there`, width),
  list: (name, width) => fold(`URL    ${name}`, width),
};

test.each(Object.entries(layouts))("a name can be copied, however narrow: %s", (_title, layout) => {
  for (const width of [20, 40, 60, 80, 200])
    for (const name of names) {
      const lines = paint(layout(name, width)).split("\n");
      expect(lines.filter((line) => line.includes(name)).length, `${width}: ${name}`).toBeGreaterThan(0);
      expect(lines.filter((line) => widthOf(line) > width && !line.includes(name))).toEqual([]);
      // What is longer than a line is so for a name alone.
      for (const line of lines.filter((one) => widthOf(one) > width)) expect(line).toMatch(/^[\s|✓]*\S+$/);
    }
});

test.each(Object.entries(layouts))("a style in a text is never shown as a mark: %s", (_title, layout) => {
  for (const width of [20, 40, 200, Infinity])
    for (const name of names) expect(paint(layout(style.red(name), width))).not.toMatch(/ufdd|\ufdd0/);
});

test.each(Object.entries(layouts))(
  "a noncharacter from outside is shown as an escape: %s",
  (_title, layout) => {
    for (const width of [20, 200])
      expect(paint(layout("not\ufdd2held", width)).replaceAll(/\s/g, "")).toContain("not\\ufdd2held");
  },
);

test("durations are for people", () => {
  expect([8.4, 999, 1_234, 59_949, 60_000, 185_000].map(duration)).toEqual([
    "8 ms",
    "999 ms",
    "1.2 s",
    "59.9 s",
    "1 min 0 s",
    "3 min 5 s",
  ]);
});

test("a styled text has colours where they are on, and only its words elsewhere", () => {
  const text = `${style.bold(`a${style.red("b")}`)}c`;
  expect(paint(text)).toBe("abc");
  expect(paint(text, chalk)).toBe(chalk.bold(`a${chalk.red("b")}`) + "c");
  expect(widthOf(text)).toBe(3);
  // Magenta alone cannot be read on the black of Windows.
  expect(paint(style.magenta("x"), chalk)).toBe(chalk.bold.magenta("x"));
});

test("C-01 text from outside is escaped inside a style too, and cannot make a style of its own", () => {
  expect(paint(style.red("x\x1b[2J"), chalk)).toBe(chalk.red("x\\x1b[2J"));
  expect(paint("\ufdd0bold\ufdd1x\ufdd0\ufdd1", chalk)).toBe("\\ufdd0bold\\ufdd1x\\ufdd0\\ufdd1");
});

test("a style that a wrapped cell would tear apart is left out", () => {
  const painted = paint(table([[style.green("one two three"), "x"]], 12), chalk);
  expect(painted).toBe("one two    x\nthree");
});

test("a row with a word of more than half a line is a block, and the others stay in columns", () => {
  const arn = `arn:aws:iam::000000000000:role/${"x".repeat(20)}`;
  const rows = [
    ["✓", "the function is there", "proxy, active"],
    ["✓", "Lambda may assume its role", arn],
    ["✓", "the role may send frames", "all of this stage"],
  ];
  expect(tableLines(rows, 60)).toEqual([
    "✓  the function is there       proxy, active",
    `✓  Lambda may assume its role\n   ${arn}`,
    "✓  the role may send frames    all of this stage",
  ]);
});
