import { join } from "node:path";
import { readRegular } from "../files/read.ts";

type Variables = Readonly<Record<string, string | undefined>>;

const MOST_BYTES = 1024 * 1024;

/**
 * What decides besides the requirements what pip installs, such as from which index: its variables and its
 * configuration files. Not to be shown: it may hold passwords.
 */
export function pipSettings(variables: Variables): readonly unknown[] {
  const own = Object.keys(variables).filter((name) => name.startsWith("PIP_"));
  const values = own.toSorted().map((name) => [name, variables[name]]);
  const files = configurationFiles(variables).flatMap((file) => {
    const reading = readRegular(file, MOST_BYTES);
    return "bytes" in reading ? [[file, reading.bytes.toString()]] : [];
  });
  return [values, files];
}

/** What pip and its Python need of the environment, in either case; all else may be a secret. */
const needed: readonly RegExp[] = [
  /^(PATH|HOME|USER|TMPDIR|TEMP|TMP|LANG|LANGUAGE|LC_.+)$/i,
  /^(PIP_.+|XDG_(CONFIG|CACHE|DATA)_(HOME|DIRS)|NETRC)$/i,
  /^((HTTP|HTTPS|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE)$/i,
  /^(PYTHON(HOME|PATH|USERBASE)|VIRTUAL_ENV|PYENV_(ROOT|VERSION)|ASDF_DATA_DIR|LD_LIBRARY_PATH)$/i,
  /^(APPDATA|LOCALAPPDATA|PROGRAMDATA|USERPROFILE|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT)$/i,
];

/** The variables that pip gets. */
export const pipEnvironment = (variables: Variables): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => needed.some((rule) => rule.test(name))));

/** Where pip looks for its configuration, also beside a Python of the PATH, as in a virtual environment. */
function configurationFiles(variables: Variables): string[] {
  const { HOME, XDG_CONFIG_HOME, XDG_CONFIG_DIRS, APPDATA, PROGRAMDATA, PATH, PIP_CONFIG_FILE } = variables;
  const [between, file] = process.platform === "win32" ? [";", "pip.ini"] : [":", "pip.conf"];
  const shared = (XDG_CONFIG_DIRS ?? "/etc/xdg").split(between).map((folder) => join(folder, "pip"));
  const homes = HOME === undefined ? [] : [".config/pip", ".pip", "Library/Application Support/pip"];
  const folders = [
    ...shared,
    "/etc",
    "/Library/Application Support/pip",
    ...homes.map((folder) => join(HOME ?? "", folder)),
    ...[XDG_CONFIG_HOME, APPDATA, PROGRAMDATA].flatMap((home) => (home ? [join(home, "pip")] : [])),
    ...(PATH ?? "").split(between).map((folder) => join(folder, "..")),
  ];
  const given = PIP_CONFIG_FILE === undefined ? [] : [PIP_CONFIG_FILE];
  return [...given, ...folders.map((folder) => join(folder, file))];
}
