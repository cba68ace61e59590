import { readFileSync } from "node:fs";
import { isIPv4, type Socket } from "node:net";
import { endianness } from "node:os";
import { readListing } from "../files/read.ts";

/** Which user of this machine is at the other end of a connection. */
export interface Peers {
  /**
   * The user's number, asked for once per connection; undefined where the system does not tell, and for a
   * peer on another machine.
   */
  userOf(socket: Socket): Promise<number | undefined>;
  /** Whether the system tells, by the example of a port of IPv4 that we listen on. */
  tellsUsers(port: number): Promise<boolean>;
}

/** Linux's lists of all sockets, with the user of each; other systems have none. */
const linuxLists = { ipv4: "/proc/net/tcp", ipv6: "/proc/net/tcp6" };
type Family = keyof typeof linuxLists;
/** Which users our namespace knows, and the number of all that it does not. */
const linuxUsers = { mapped: "/proc/self/uid_map", overflow: "/proc/sys/kernel/overflowuid" };
const NUMBERS_OF_USERS = 2 ** 32 - 1;
/** What the kernel is changing while a list is read may be left out of it. */
const READS = 2;

/**
 * Reads users out of Linux's lists of sockets. A list takes as long to read as it has rows, so that
 * connections which come together share a reading.
 */
export function openPeers(lists = linuxLists, users = linuxUsers): Peers {
  const unmapped = unmappedUser(users);
  const known = new WeakMap<Socket, Promise<number | undefined>>();
  const read = {
    ipv4: nextReading(() => readListing(lists.ipv4)),
    ipv6: nextReading(() => readListing(lists.ipv6)),
  };
  async function find(rows: readonly Row[]): Promise<number | undefined> {
    for (let reading = 0; reading < READS; reading++) {
      for (const { family, ends } of rows) {
        const user = userIn(await read[family]().catch(() => noRows), ends);
        if (user !== undefined) return user === unmapped ? undefined : user;
      }
    }
    return undefined;
  }
  return {
    userOf(socket) {
      const user =
        known.get(socket) ?? find(rowsOf(socket)).then((found) => (isConnected(socket) ? found : undefined));
      known.set(socket, user);
      return user;
    },
    async tellsUsers(port) {
      const rows = ["127.0.0.1", "0.0.0.0"].map((address): Row => ({
        family: "ipv4",
        ends: `${endOf(address, port)} ${endOf("0.0.0.0", 0)}`,
      }));
      const user = await find(rows);
      return user !== undefined && user === process.geteuid?.();
    },
  };
}

/**
 * The number that stands for every user whom our namespace does not know, so that it names none, not even
 * ours; undefined where all are known, as outside of containers.
 */
function unmappedUser({ mapped, overflow }: typeof linuxUsers): number | undefined {
  try {
    const lengths = readFileSync(mapped, "latin1")
      .trim()
      .split("\n")
      .map((row) => Number(row.trim().split(/\s+/)[2]));
    if (lengths.reduce((sum, length) => sum + length, 0) >= NUMBERS_OF_USERS) return undefined;
    return Number(readFileSync(overflow, "latin1"));
  } catch {
    return USUAL_OVERFLOW;
  }
}

const USUAL_OVERFLOW = 65_534;

const noRows = Buffer.alloc(0);

/**
 * A reading that begins after it was asked for: one that is under way may be past the row of a connection
 * that has just been made.
 */
function nextReading(read: () => Promise<Buffer>): () => Promise<Buffer> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Buffer> | undefined;
  return () => {
    next ??= running.then(() => {
      next = undefined;
      const reading = read();
      running = reading.catch(() => undefined);
      return reading;
    });
    return next;
  };
}

/**
 * Whether our end is still connected. As long as it is, no other socket has the peer's end: a peer that has
 * left while the list was read may have left its port to another user's socket. Only the handle asks the
 * system; `remoteAddress` is what it was.
 */
function isConnected(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: { getpeername?(peer: object): number } };
  return handle?.getpeername?.({}) === 0;
}

/** Where the peer's own socket stands in a list: its end, then ours. */
interface Row {
  family: Family;
  ends: string;
}

/** A socket for both families, as Java's are, stands among those of IPv6 also when it speaks IPv4. */
function rowsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): Row[] {
  const [peer, own] = [remoteAddress, localAddress].map((address) => address?.replace(/^::ffff:/, ""));
  if (peer === undefined || own === undefined || remotePort === undefined || localPort === undefined)
    return [];
  const ends = (prefix: string) => `${endOf(prefix + peer, remotePort)} ${endOf(prefix + own, localPort)}`;
  if (!isIPv4(peer)) return [{ family: "ipv6", ends: ends("") }];
  return [
    { family: "ipv4", ends: ends("") },
    { family: "ipv6", ends: ends("::ffff:") },
  ];
}

/** An address and a port as the lists write them: words of 32 bits in this machine's order of bytes. */
function endOf(address: string, port: number): string {
  const bytes = isIPv4(address) ? bytesOfIPv4(address) : bytesOfIPv6(address);
  const words = endianness() === "LE" ? Buffer.from(bytes).swap32() : Buffer.from(bytes);
  const hex = (text: Buffer) => text.toString("hex").toUpperCase();
  return `${hex(words)}:${hex(Buffer.from([port >> 8, port & 0xff]))}`;
}

const bytesOfIPv4 = (address: string): number[] => address.split(".").map(Number);

function bytesOfIPv6(address: string): number[] {
  const groups = (part: string) =>
    part
      .split(":")
      .filter(Boolean)
      .flatMap((group) => (isIPv4(group) ? bytesOfIPv4(group) : bytesOfGroup(group)));
  const [head = "", tail = ""] = address.replace(/%.*/, "").split("::");
  const [first, last] = [groups(head), groups(tail)];
  return [...first, ...Array<number>(16 - first.length - last.length).fill(0), ...last];
}

const bytesOfGroup = (group: string): [number, number] => {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
};

/**
 * The user of the socket with these ends. One that its process has left, though the connection may still be
 * open, has no inode, and says 0 for its user.
 */
function userIn(list: Buffer, ends: string): number | undefined {
  const at = list.indexOf(` ${ends} `, 0, "latin1");
  if (at === -1) return undefined;
  const [, , , , , , user, , inode] = list
    .toString("latin1", at, at + MOST_OF_A_ROW)
    .trim()
    .split(/\s+/);
  return inode === "0" || inode === undefined ? undefined : Number(user);
}

const MOST_OF_A_ROW = 400;
