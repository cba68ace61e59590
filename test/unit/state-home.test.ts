import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderOfProject, movedBy, stateHome } from "../../src/files/state-home.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "state-home-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test("F-37 state is where the XDG specification has it; a relative path and a missing home are none", () => {
  const HOME = folder();
  expect(stateHome({ HOME, XDG_STATE_HOME: "/state" }, "linux")).toBe("/state");
  expect(stateHome({ HOME, XDG_STATE_HOME: "state" }, "linux")).toBe(join(HOME, ".local/state"));
  expect(stateHome({ HOME }, "darwin")).toBe(join(HOME, ".local/state"));
  expect(stateHome({ HOME: join(HOME, "none") }, "linux")).toBeUndefined();
  expect(stateHome({}, "linux")).toBeUndefined();
  expect(stateHome({ HOME, LOCALAPPDATA: "/local" }, "win32")).toBe("/local");
  expect(stateHome({ HOME }, "win32")).toBeUndefined();
});

test("F-37 a project's folder goes by its real path, and its name is a plain one", () => {
  const place = folder();
  for (const name of ["shop", "other", "other/shop"]) mkdirSync(join(place, name));
  symlinkSync(join(place, "shop"), join(place, "link"));
  const of = (name: string) => folderOfProject("/home", join(place, name));
  expect(of("shop")).toMatch(/^\/home\/shelfshack-ws\/shop-[\da-f]{12}$/);
  expect(of("link")).toBe(of("shop"));
  expect(of("other/shop")).not.toBe(of("shop"));
  expect(folderOfProject("/home", "/")).toMatch(/^\/home\/shelfshack-ws\/root-[\da-f]{12}$/);
  mkdirSync(join(place, "my shop; $(x)"));
  expect(of("my shop; $(x)")).toMatch(/\/my_shop____x_-[\da-f]{12}$/);
});

test("a place that was not named has the variable that moves it, every other path has none", () => {
  const HOME = folder();
  const of = (path: string, variables: Record<string, string> = {}) =>
    movedBy(path.replace("~", HOME), { HOME, ...variables }, "linux");
  for (const path of ["~/.local", "~/.local/state", "~/.local/state/shelfshack-ws/shop/local-aws.state"])
    expect([path, of(path)]).toEqual([path, "XDG_STATE_HOME"]);
  expect(of("~/.cache/shelfshack-ws")).toBe("XDG_CACHE_HOME");
  expect(of(join(tmpdir(), "shelfshack-ws-pip-XXXXXX"))).toBe("TMPDIR");
  for (const path of ["~", "~/.local/bin", "~/.aws/config", "~/p.zip", "/", tmpdir(), "p.zip", ""])
    expect([path, of(path)]).toEqual([path, undefined]);
  for (const [variable, path] of [
    ["XDG_STATE_HOME", "~/.local/state/shelfshack-ws"],
    ["XDG_CACHE_HOME", "~/.cache/shelfshack-ws"],
  ] as const)
    expect([variable, of(path, { [variable]: "/elsewhere" })]).toEqual([variable, undefined]);
  for (const variable of ["XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR"])
    expect(of(join(tmpdir(), "shelfshack-ws-x/y"), { [variable]: join(tmpdir(), "shelfshack-ws-x") })).toBe(
      undefined,
    );
});
