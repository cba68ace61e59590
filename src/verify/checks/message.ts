import { byHand, check, failed, passed, skipped } from "../check.ts";

/** No deploy makes a route response (AWS.md 1.8). */
const NOT_RETURNED =
  "your handler's frames are its own: what it returns reaches no client, @connections does";

/** Whether a message goes in and a frame of the function comes back over the same socket (CONTRACT.md 9). */
export const message = check({
  id: "message",
  hop: "client",
  title: "a message gets through and a frame comes back",
  needs: ["socket"],
  also: ["owner"],
  judge({ socket: { roundTrip, frames }, owner }) {
    if (!roundTrip.open) return skipped("no WebSocket was open");
    if (owner === "own") return skipped(NOT_RETURNED);
    if (frames.reached) return passed("the function answered over the socket");
    if (frames.code !== "not-arrived") return skipped(frames.meaning);
    return failed(frames.code, frames.meaning, "messages get no answer", byHand(null));
  },
});
