import { addressesOf } from "../../aws/deployed.ts";
import { redactUrl } from "../../settings/redact.ts";
import { check, deploying, failed, passed, type Remedy } from "../check.ts";

const REPAIR: Remedy = deploying("endpoint");

/** Whether the function sends its frames to this API and stage (AWS.md 2.1). */
export const endpoint = check({
  id: "endpoint",
  hop: "function",
  title: "it sends frames to this stage",
  needs: ["names", "lambda", "api"],
  judge({ lambda: { Environment }, api, names: { stage } }) {
    const own = `${addressesOf(api).ManagementEndpoint}/${stage}`;
    const set = Environment?.Variables?.["API_GATEWAY_ENDPOINT"];
    if (!set) return passed(`API_GATEWAY_ENDPOINT is not set: ${own}, as the event says`);
    const found = redactUrl(set);
    const evidence = `API_GATEWAY_ENDPOINT is ${found}, should be ${own}`;
    if (/^wss?:/i.test(set))
      return failed(
        "endpoint-wss",
        evidence,
        "that is the clients' address: no frame can be sent to it",
        REPAIR,
      );
    if (!URL.canParse(set) || !/^https?:/i.test(set))
      return failed("endpoint-invalid", evidence, "the handler's configuration is invalid", REPAIR);
    const [{ host, pathname }, wanted] = [new URL(set), new URL(own)];
    if (host !== wanted.host)
      return failed(
        "endpoint-other-api",
        evidence,
        "frames go to another API, which does not know these connections (410), or refuses them (403)",
        REPAIR,
      );
    if (pathname.replace(/\/+$/, "") === wanted.pathname) return passed(found);
    const isOtherApi = pathname.split("/").at(-1) === stage && pathname.split("/").length > 2;
    return failed(
      isOtherApi ? "endpoint-other-api" : "endpoint-other-stage",
      evidence,
      "API Gateway answers 403 Forbidden, or knows no such connection (410)",
      REPAIR,
    );
  },
});
