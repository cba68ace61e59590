import { test } from "vitest";
import { anyMemberGivesStatus, anyTextArrives } from "../support/hostile-input.ts";

test("H-23 any of 5,000 texts reaches the backend as the same value", { timeout: 300_000 }, () =>
  anyTextArrives(5_000),
);

test("H-22 with any member replaced, 5,000 events get a status", { timeout: 300_000 }, () =>
  anyMemberGivesStatus(5_000),
);
