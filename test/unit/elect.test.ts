import { expect, test } from "vitest";
import type { Identity } from "../../src/aws/tags.ts";
import { tagsFor } from "../../src/aws/tags.ts";
import { createdByThisRun, elect, LostRace } from "../../src/stack/elect.ts";
import type { AnyFound, AnyResource } from "../../src/stack/resource.ts";

/**
 * Candidates as words, the oldest first: "mine" or "theirs", "+" behind one that is in use. The verdict in
 * the same words: what stays, "withdraw" or "unclear", and what is deleted.
 */
function verdict(candidates: string, { hasDates = true, isLastLook = false } = {}): string {
  const all = candidates
    .split(" ")
    .filter(Boolean)
    .map((word, index) => ({
      word: `${word.replace("+", "")}#${index + 1}`,
      isMine: word.startsWith("mine"),
      isInUse: word.endsWith("+"),
    }));
  const { kind, stays, remove } = elect(all, { hasDates, isLastLook });
  const deleted = remove.map(({ word }) => word).join(" ");
  return `${stays ? `${stays.word} stays` : kind}${deleted ? `, delete ${deleted}` : ""}`;
}

test.each([
  ["the only one stays", "mine", "mine#1 stays"],
  ["of this run's own the oldest stays", "mine mine mine", "mine#1 stays, delete mine#2 mine#3"],
  ["one of this run's that is in use is left", "mine mine+", "mine#1 stays"],
  ["the younger one gives way", "theirs mine", "withdraw, delete mine#2"],
  ["the older one waits until the other has given way", "mine theirs", "unclear"],
  ["the older one gives way to one in use", "mine theirs+", "withdraw, delete mine#1"],
  ["one in use never gives way", "theirs mine+", "unclear"],
  ["two in use are for a person to decide", "theirs+ mine+", "unclear"],
  ["of three runs the oldest waits", "mine theirs theirs", "unclear"],
  ["of three runs the second gives way", "theirs mine theirs", "withdraw, delete mine#2"],
  ["all of this run's give way", "theirs mine mine", "withdraw, delete mine#2 mine#3"],
  ["what this run created twice goes also while it waits", "mine theirs mine", "unclear, delete mine#3"],
  ["what this run created twice goes, but for one in use", "theirs mine mine+", "withdraw, delete mine#2"],
])("with dates: %s", (_title, candidates, expected) => {
  expect(verdict(candidates)).toBe(expected);
  expect(verdict(candidates, { isLastLook: true })).toBe(expected);
});

test.each([
  ["the only one stays", "mine", "mine#1 stays"],
  ["what the create call answered gives way", "mine theirs", "withdraw, delete mine#1"],
  ["wherever it is listed", "theirs mine theirs+", "withdraw, delete mine#2"],
  ["one that was found afterwards stays where it is alone", "theirs", "theirs#1 stays"],
  ["of several found afterwards the one in use stays", "theirs theirs+ theirs", "theirs#2 stays"],
  ["of several of which none is in use none yet", "theirs theirs", "unclear"],
  ["what has gone in the meantime leaves nothing", "", "withdraw"],
])("without dates: %s", (_title, candidates, expected) => {
  expect(verdict(candidates, { hasDates: false })).toBe(expected);
});

test("without dates the last look takes the first, which is the same one for every run", () => {
  expect(verdict("theirs theirs", { hasDates: false, isLastLook: true })).toBe("theirs#1 stays");
  expect(verdict("", { hasDates: false, isLastLook: true })).toBe("withdraw");
});

const runs = [1, 2, 3];

/** Every order in which three runs can have created one each. */
const orders = runs.flatMap((one) =>
  runs.filter((two) => two !== one).map((two) => [one, two, 6 - one - two]),
);

test.each(orders)("with dates: of runs %i, %i, %i exactly one continues", (...order) => {
  const verdicts = runs.map((run) => verdict(order.map((by) => (by === run ? "mine" : "theirs")).join(" ")));
  expect(verdicts.filter((one) => one === "unclear")).toHaveLength(1);
  expect(verdicts.filter((one) => one.startsWith("withdraw"))).toHaveLength(2);
});

const ofRun = (run: string): Identity => ({ stack: "s", region: "us-east-1", run });
const found = (Name: string, run?: string): AnyFound => ({
  attributes: {},
  properties: { Name },
  ...(run === undefined ? {} : { tags: tagsFor(ofRun(run), "Api") }),
});
const resource: AnyResource = {
  id: "Api",
  type: "AWS::ApiGatewayV2::Api",
  name: "api",
  needs: {},
  foundBy: "tags",
  list: async () => [],
};

test.each<[string, AnyFound[], boolean, AnyFound | "lost" | undefined]>([
  ["nothing is listed", [], false, undefined],
  ["this run's tag", [found("other", "1")], false, found("other", "1")],
  ["this run's tag among others", [found("wanted", "2"), found("wanted", "1")], false, found("wanted", "1")],
  ["another run's tag", [found("wanted", "2")], false, "lost"],
  ["no tags, as it should be", [found("other"), found("wanted")], false, found("wanted")],
  ["no tags, otherwise", [found("other")], false, undefined],
  ["no tags, the name is taken, as it should be", [found("wanted")], true, found("wanted")],
  ["no tags, the name is taken by another", [found("other")], true, "lost"],
  ["the name is taken by what is not listed yet", [], true, undefined],
])("created by this run: %s", (_title, listed, isTaken, expected) => {
  const wanted = { resource, desired: { Name: "wanted" }, within: {}, identity: ofRun("1") };
  const search = () => createdByThisRun(wanted, listed, { isTaken });
  if (expected === "lost") expect(search).toThrow(LostRace);
  else expect(search()).toEqual(expected);
});
