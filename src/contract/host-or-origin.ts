/** A host's name or address, IPv6 in brackets, and the port behind it. */
export const hostAndPort = /^(\[[\da-f:.]+\]|[^\s:/?#@,[\]]+)(?::(\d+))?$/i;

/** An origin as a browser or an app sends it; `null` is that of files and sandboxed frames. */
export const wholeOrigin = /^(null|[a-z][a-z\d+.-]*:\/\/[^\s/?#@,]+)$/i;

/**
 * What a person writes for a host or an origin, as it is compared: in lower case, a host without its port.
 * Undefined for what is neither.
 */
export function hostOrOrigin(words: string): string | undefined {
  const given = words.trim().toLowerCase();
  if (wholeOrigin.test(given)) return given;
  if (/^[\da-f]*:[\da-f:.]*:[\da-f:.]*$/.test(given)) return `[${given}]`;
  return hostAndPort.exec(given)?.[1];
}
