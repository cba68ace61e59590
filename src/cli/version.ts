declare const SHELFSHACK_VERSION: string | undefined;

/** The package's version; the build puts it in. */
export const version = typeof SHELFSHACK_VERSION === "string" ? SHELFSHACK_VERSION : "0.0.0";
