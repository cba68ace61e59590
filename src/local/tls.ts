import type { Server } from "node:http";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { newCertificate, type OwnCertificate } from "./certificate.ts";

/** The names and addresses of the local AWS, as events have them and as people type them. */
const NAMES = ["*.execute-api.localhost", "localhost"];
const ADDRESSES = [Buffer.from([127, 0, 0, 1]), Buffer.concat([Buffer.alloc(15), Buffer.from([1])])];

/** How a handshake of TLS begins, and no request of HTTP. */
const HANDSHAKE = 0x16;

/** TLS beside HTTP at the same port, with a certificate that is made when it is first needed. */
export interface OwnTls {
  /** What a function trusts, as PEM. */
  authority(): string;
  /** Answers TLS at a server too; who says nothing for so long is cut off. */
  serve(server: Server, ms: number): void;
  /** Cuts connections that have not said yet what they are. */
  close(): void;
}

/** See {@link OwnTls}. */
export function openTls(): OwnTls {
  let made: OwnCertificate | undefined;
  let context: SecureContext | undefined;
  const certificate = () => (made ??= newCertificate(NAMES, ADDRESSES));
  const secureContext = () => (context ??= createSecureContext(certificate()));
  const undecided = new Set<Socket>();
  const decided = new WeakSet<Socket>();

  /** Keeps a connection until it has said what it is, or for so long; `settle` ends that. */
  function keep(socket: Socket, ms: number): { settle(): void } {
    const leave = () => void undecided.delete(socket);
    undecided.add(socket);
    socket.setTimeout(ms, destroy).on("error", destroy).on("close", leave);
    return {
      settle() {
        leave();
        socket.setTimeout(0).off("timeout", destroy).off("error", destroy).off("close", leave);
      },
    };
  }

  /** The first byte of a connection, which stays in it. */
  function firstByte(socket: Socket, ms: number, begun: (byte: number | undefined) => void): void {
    const { settle } = keep(socket, ms);
    const look = () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return void socket.once("readable", look);
      settle();
      socket.unshift(first);
      begun(first[0]);
    };
    socket.once("readable", look);
  }

  /** Hands a connection on when its handshake is done; a client that does not trust us leaves before. */
  function secure(socket: Socket, ms: number, accepted: (socket: Socket) => void): void {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: secureContext(),
      ALPNProtocols: ["http/1.1"],
    });
    const { settle } = keep(secured, ms);
    secured.once("secure", () => {
      settle();
      accepted(secured);
    });
  }

  return {
    authority: () => certificate().authority,
    serve(server, ms) {
      const accept = server.listeners("connection") as ((socket: Socket) => void)[];
      server.removeAllListeners("connection");
      const accepted = (socket: Socket) => {
        decided.add(socket);
        for (const listener of accept) listener.call(server, socket);
      };
      server.on("connection", (socket: Socket) => {
        // A declined upgrade hands its connection back.
        if (decided.has(socket)) return accepted(socket);
        firstByte(socket, ms, (byte) =>
          byte === HANDSHAKE ? secure(socket, ms, accepted) : accepted(socket),
        );
      });
    },
    close: () => undecided.forEach((socket) => socket.destroy()),
  };
}

function destroy(this: Socket): void {
  this.destroy();
}
