import type { Lambda } from "./function.ts";

const names = /key|token|secret|passw|passphrase|credential|auth/i;
/** Several stand in one variable, such as those of `SIGNING_KEYS`. */
const separators = /[\s,;]+/;
const signingKey = /^whsec_/;

/** What stands in variables of functions whose names say that it is secret, and the passwords in URLs. */
export const secretsIn = ({ state }: Pick<Lambda, "state">): string[] =>
  state
    .all()
    .flatMap(({ functions }) =>
      [...functions.values()].flatMap(({ latest, running }) =>
        [latest, running].flatMap(({ environment = {} }) => Object.entries(environment).flatMap(secretOf)),
      ),
    );

function secretOf([name, value]: [string, string]): string[] {
  if (names.test(name)) return value.split(separators).flatMap((one) => [one, one.replace(signingKey, "")]);
  return URL.canParse(value) ? [new URL(value).password] : [];
}
