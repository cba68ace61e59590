import type { RouteSettings } from "@aws-sdk/client-apigatewayv2";
import { shellWord } from "../../errors/advice.ts";
import { byHand, check, deploying, failed, passed, warning } from "../check.ts";

/** Whether the stage lets anything through: a limit that is stored as 0 refuses all (AWS.md 1.12, 3.6). */
export const throttle = check({
  id: "throttle",
  hop: "gateway",
  title: "the stage's limits let clients in",
  needs: ["names", "stage"],
  judge({ stage: { DefaultRouteSettings = {}, RouteSettings = {} }, names: { stage } }) {
    if (isZero(DefaultRouteSettings))
      return failed(
        "stage-throttled",
        `the limits of the stage ${stage}: ${wordsOf(DefaultRouteSettings)}`,
        "every handshake ends with 429",
        deploying("stage"),
      );
    const [route] = Object.entries(RouteSettings).find(([, settings]) => isZero(settings)) ?? [];
    if (route === undefined && isLow(DefaultRouteSettings))
      return warning(
        "stage-limits-low",
        `the limits of the stage ${stage}: ${wordsOf(DefaultRouteSettings)}`,
        "when clients come back together, some handshakes end with 429",
        byHand(
          "raise them: aws apigatewayv2 update-stage --default-route-settings ThrottlingRateLimit=10000,…",
        ),
      );
    if (route === undefined) return passed(wordsOf(DefaultRouteSettings));
    return failed(
      "stage-throttled",
      `the limits of the route ${route}: ${wordsOf(RouteSettings[route] ?? {})}`,
      route === "$connect" ? "every handshake ends with 429" : "every message is refused as throttled",
      byHand(
        `remove them: aws apigatewayv2 delete-route-settings --stage-name ${stage} --api-id ID ` +
          `--route-key ${shellWord(route)}`,
      ),
    );
  },
});

/** Few clients, or one that types fast, go beyond it. */
const LOW = 20;

const isLow = ({ ThrottlingBurstLimit = LOW, ThrottlingRateLimit = LOW }: RouteSettings): boolean =>
  ThrottlingBurstLimit < LOW || ThrottlingRateLimit < LOW;

const isZero = ({ ThrottlingBurstLimit, ThrottlingRateLimit }: RouteSettings): boolean =>
  ThrottlingBurstLimit === 0 || ThrottlingRateLimit === 0;

const wordsOf = ({ ThrottlingBurstLimit, ThrottlingRateLimit }: RouteSettings): string => {
  if (ThrottlingRateLimit === undefined && ThrottlingBurstLimit === undefined) return "those of the account";
  const own = (limit: number | undefined) => limit ?? "the account's";
  return `${own(ThrottlingRateLimit)} a second, bursts of ${own(ThrottlingBurstLimit)}`;
};
