/** What a rule is asked about: a name, and whether it stands directly in the source folder. */
interface Place {
  name: string;
  isTop: boolean;
}

/** Left out wherever it is: what tools leave behind, what keeps versions, and what holds secrets. */
const everywhere: readonly RegExp[] = [
  /^__pycache__$/,
  /\.py[cod]$/,
  /^\.(git|hg|svn)/,
  /^\.(venv|tox|nox|idea|vscode|DS_Store)$/,
  /^\.(pytest|mypy|ruff)_cache$/,
  /^\.env(\..+)?$|\.env$|^\.envrc$/,
  /^\.(npmrc|netrc|pypirc|aws|ssh)$/,
];

/** Left out where it stands directly in the folder: what is for people, deploys, and ours. */
const atTop: readonly RegExp[] = [
  /^readme(\.[a-z]+)?$/i,
  /^deploy\b.*\.(sh|bash|ps1|cmd|bat)$/i,
  /^shelfshack-ws\.config\.json$/,
  /^websocket_proxy\.zip$/,
];

/** Whether something of a function's folder does not belong into its zip. */
export const isLeftOut = ({ name, isTop }: Place): boolean =>
  everywhere.some((rule) => rule.test(name)) || (isTop && atTop.some((rule) => rule.test(name)));

/** What npm keeps in `node_modules` for itself. */
export const isOfNpm = (name: string): boolean => [".bin", ".cache", ".package-lock.json"].includes(name);

/** Whether a folder with these names in it is a virtual environment of Python's. */
export const isVirtualEnvironment = (names: readonly string[]): boolean => names.includes("pyvenv.cfg");
