import { isIP } from "node:net";
import { redactUrl } from "../../settings/redact.ts";
import { byHand, check, passed, warning } from "../check.ts";

/** Whether a function on AWS can have a way to the backend's address. */
export const backendPlace = check({
  id: "backend-place",
  hop: "backend",
  title: "its address is public or in the function's network",
  needs: ["lambda", "api"],
  judge({ lambda: { Environment, VpcConfig }, api: { ApiEndpoint = "" } }) {
    const url = Environment?.Variables?.["BACKEND_URL"] ?? "";
    const isAws = /\.amazonaws\.com(\.cn)?(\/|$)/.test(ApiEndpoint);
    if (!URL.canParse(url) || !isPrivate(new URL(url).hostname)) return passed(redactUrl(url));
    if (!isAws) return passed(`${redactUrl(url)}, private as this AWS is`);
    // Inside a VPC its private addresses are reached; this machine's own never is.
    if (VpcConfig?.VpcId && !isOwnMachine(new URL(url).hostname))
      return passed(`${redactUrl(url)}, in the VPC ${VpcConfig.VpcId}`);
    return warning(
      "backend-url-private",
      `BACKEND_URL is ${redactUrl(url)}`,
      "a function on AWS does not reach it: its 127.0.0.1 is not this machine",
      byHand("use a public address, or connect the function to the backend's VPC"),
    );
  },
});

const isOwnMachine = (hostname: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);

const isPrivate = (hostname: string): boolean =>
  /^localhost$|\.(internal|local|localhost)$/.test(hostname) ||
  (isIP(hostname.replace(/^\[|\]$/g, "")) > 0 &&
    /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])/.test(hostname));
