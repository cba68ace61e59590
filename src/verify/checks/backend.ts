import type { CheckRow } from "../../backend/check/checks.ts";
import type { BackendCode, Result } from "../../backend/check/result.ts";
import { command } from "../../errors/advice.ts";
import { byHand, check, failed, passed, skipped, warning, type Check, type Verdict } from "../check.ts";
import type { Evidence } from "../evidence.ts";
import { orOtherAddress } from "../judge.ts";

/** The questions of `backend check` that a message's way depends on, in the order in which they are asked. */
const questions: readonly { id: string; title: string; rows: readonly string[] }[] = [
  { id: "backend-address", title: "the backend is reached", rows: ["reachable", "redirect"] },
  {
    id: "backend-endpoints",
    title: "its three endpoints are there",
    rows: ["endpoint-register", "endpoint-message", "endpoint-disconnect"],
  },
  { id: "backend-signature", title: "it accepts the function's signature", rows: ["entry", "clock"] },
  { id: "backend-registry", title: "every worker knows a connection", rows: ["register", "every-worker"] },
  { id: "backend-repeats", title: "a repeated message does its work once", rows: ["message-repeated"] },
  { id: "backend-speed", title: "it answers in time", rows: ["times"] },
];

const CHECK = byHand(["this shows what the contract asks for: ", command("backend check")]);

/** The backend's part of the path: each is the verdict of the backend's own checks. */
export const backendChecks: readonly Check[] = questions.map(({ id, title, rows }) =>
  check({
    id,
    hop: "backend",
    title,
    needs: ["backend", "invocation"],
    about: "backend",
    absent: (_names, because) => skipped(because),
    judge: ({ backend, invocation }) =>
      verdictOf(
        backend.rows.filter((row) => rows.includes(row.id)),
        invocation,
      ),
  }),
);

const isBad = ({ outcome }: Result): boolean => outcome === "failed" || outcome === "warning";

/** Of several rows: what failed, what warns, what passed, what could not be asked. */
function verdictOf(rows: readonly CheckRow[], invocation: Evidence["invocation"]): Verdict {
  const bad = rows.find(({ outcome }) => outcome === "failed") ?? rows.find(isBad);
  const told = bad ?? rows.find(({ code }) => code !== undefined);
  if (told) return findingOf(told, invocation);
  const good = rows.filter(({ outcome }) => outcome === "passed");
  const [first] = rows;
  if (good.length === 0) return skipped(first?.finding ?? "it was not asked");
  // Of several that passed what each of them means is left out.
  const words = good.map(({ finding }) => (good.length > 2 ? finding.replace(/: .*/, "") : finding));
  return passed(words.join("; "));
}

function findingOf(row: CheckRow, { backendReached }: Evidence["invocation"]): Verdict {
  const { outcome, finding, meaning, fix, cause } = row;
  const code = (row.code === "backend-unreachable" && cause) || row.code || "backend-refused";
  const means = meaning ?? meansOf[row.code ?? "backend-refused"];
  const remedy = fix === undefined ? CHECK : byHand(ofTheAddress.has(row.code) ? orOtherAddress(fix) : fix);
  // The function may have a way to the backend that this machine does not have.
  if (row.code === "backend-unreachable" && backendReached === true)
    return warning(code, `${finding}, from this machine`, "the function reaches it all the same", remedy);
  return (outcome === "warning" ? warning : failed)(code, finding, means, remedy);
}

/** What a wrong BACKEND_URL may be the cause of. */
const ofTheAddress: ReadonlySet<BackendCode | undefined> = new Set([
  "backend-unreachable",
  "backend-redirects",
  "backend-endpoint-missing",
] as const);

/** What is told where the check itself passed or was skipped, and yet gives a cause. */
const meansOf: Readonly<Record<BackendCode, string>> = {
  "backend-unreachable": "no client can connect",
  "backend-host-refused": "the function's requests are refused for their host name",
  "backend-redirects": "a redirect counts as a failure and is not followed",
  "backend-endpoint-missing": "the function's requests meet no route",
  "backend-method-refused": "the function's requests meet no POST route",
  "backend-fields-refused": "the backend expects other fields than the envelope has",
  "keys-unknown": "the backend does not know the function's signing keys",
  "keys-missing": "the backend takes signed requests only, and the function has no signing key",
  "backend-failed": "the backend fails",
  "backend-refused": "the backend refuses requests of the function",
  "backend-clock-wrong": "the backend rejects every request of the function",
  "backend-slow": "every message waits as long as this",
  "answers-forgotten": "a message whose answer was lost does its work twice",
  "registry-not-shared": "by chance clients are told to connect again",
};
