import { join } from "node:path";
import { readRegular } from "../files/read.ts";

type Variables = Readonly<Record<string, string | undefined>>;

const MOST_BYTES = 1024 * 1024;

/**
 * What decides besides the requirements what pip installs, such as from which index: its variables, its
 * configuration files, and the variables that lines name. Not to be shown: it may hold passwords.
 */
export function pipSettings(lines: readonly string[], variables: Variables): readonly unknown[] {
  const named = lines.flatMap((line) =>
    [...line.matchAll(/\$\{([A-Z\d_]+)\}/g)].map(([, name = ""]) => name),
  );
  const own = Object.keys(variables).filter((name) => name.startsWith("PIP_"));
  const values = [...new Set([...named, ...own])].toSorted().map((name) => [name, variables[name]]);
  const files = configurationFiles(variables).flatMap((file) => {
    const reading = readRegular(file, MOST_BYTES);
    return "bytes" in reading ? [[file, reading.bytes.toString()]] : [];
  });
  return [values, files];
}

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
