type Fields = Readonly<Record<string, unknown>>;

/** Why an event was refused, by the `code` in the handler's line of it (CONTRACT.md 2 and 3). */
const words: Readonly<Record<string, (fields: Fields) => string>> = {
  rejected: byBackend,
  unauthorized: byBackend,
  no_token: () => "the client sent no token, so the handler did not ask the backend",
  no_booking: () => "the client named no booking, so the handler did not ask the backend",
  bad_type: () => "the client's type is not a plain word, so the handler did not ask the backend",
  backend_timeout: () => "the backend did not answer in time",
};

function byBackend({ backendStatus }: Fields): string {
  const isGood = typeof backendStatus === "number" && backendStatus < 300;
  return isGood
    ? `the backend answered ${backendStatus} without success`
    : `the backend refused it${typeof backendStatus === "number" ? ` with ${backendStatus}` : ""}`;
}

/** Why the handler, or the backend, did not take an event; undefined where its line tells nothing. */
export function whyRefused(fields: Fields): string | undefined {
  const { code } = fields;
  return typeof code === "string" && Object.hasOwn(words, code) ? words[code]?.(fields) : undefined;
}
