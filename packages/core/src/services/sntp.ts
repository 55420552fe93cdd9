/**
 * The time of day from a time server: SNTP version 4 as a client (RFC 4330 5, RFC 5905 14). Asks once when it is called; sets no clock.
 *
 * ```
 *   0       1       2       3
 *   |LI VN Mode|stratum| poll  |precision|
 *   | root delay, root dispersion, reference: 12 octets, a reference timestamp at 16 |
 *   | originate at 24 | receive at 32 | transmit at 40 |
 * ```
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { openDatagram } from '../api/datagrams.ts'
import { addressOf, checkPort } from '../api/open-socket.ts'
import type { Stack } from '../contract/stack.ts'
import { hasCode, NetError } from '../errors/net-error.ts'

export interface SntpOptions {
  /** @default 123 */
  readonly port?: number
  /** How long each question is waited for. @default 2000 */
  readonly timeoutMs?: number
  /** Questions, at most. @default 3 */
  readonly tries?: number
  readonly signal?: AbortSignal
}

/** What a time server said. */
export interface SntpTime {
  /** The time when the answer came, half of the round trip taken into account. */
  readonly date: Date
  /** Round trip without the server's own part: the error is at most half of it. */
  readonly delayMicroseconds: number
  /** 1: has a clock of its own; each server between adds one. */
  readonly stratum: number
}

const LENGTH = 48
const ORIGINATE = 24
const RECEIVE = 32
const TRANSMIT = 40
const VERSION_4_CLIENT = 0x23
const SERVER = 4
const UNSYNCHRONIZED = 3
const LARGEST_STRATUM = 15
/** Seconds from 1900 to 1970. */
const UNIX_EPOCH = 2_208_988_800
/** RFC 4330 3: below this, seconds count from 2036 on. */
const SECOND_ERA = 0x8000_0000
const ERA = 0x1_0000_0000

/**
 * Asks a time server.
 * @param server an address; for a name see `lookup`.
 * @throws NetError ETIMEDOUT, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EINVAL; AbortError.
 */
export async function askTime(stack: Stack, server: string | IpAddress, options: SntpOptions = {}): Promise<SntpTime> {
  const { port = 123, tries = 3 } = options
  const host = addressOf(server, 'server')
  checkPort(port, 1)
  for (let left = tries; left > 1; left--) {
    try {
      return await ask(stack, host, port, options)
    } catch (error) {
      if (!hasCode(error, 'ETIMEDOUT')) throw error
    }
  }
  return await ask(stack, host, port, options)
}

async function ask(
  stack: Stack,
  host: IpAddress,
  port: number,
  { timeoutMs = 2000, signal }: SntpOptions,
): Promise<SntpTime> {
  const { clock, random } = stack.scheduler
  const question = new Uint8Array(LENGTH)
  question[0] = VERSION_4_CLIENT
  // The server gives our transmit timestamp back: a random one tells its answer from a guess, and tells nobody our clock.
  const cookie = question.subarray(TRANSMIT)
  random.fill(cookie)
  await using socket = openDatagram(stack, { family: host.family })
  socket.connect({ host, port })
  const asked = clock.now
  await socket.send(question, undefined, { timeoutMs, signal })
  for (;;) {
    const left = timeoutMs - (clock.now - asked) / 1000
    if (left <= 0) throw new NetError('ETIMEDOUT', 'sntp', { address: `${host}`, port })
    const { data } = await socket.receive({ timeoutMs: left, signal })
    const time = read(data, cookie, clock.now - asked)
    if (time !== null) return time
  }
}

/** RFC 4330 5: what an answer must be. @returns null for anything else, also for "go away" (stratum 0). */
function read(octets: Uint8Array, cookie: Uint8Array, elapsed: number): SntpTime | null {
  if (octets.length < LENGTH) return null
  const first = octets[0] as number
  const stratum = octets[1] as number
  const isSynchronized = first >>> 6 !== UNSYNCHRONIZED && stratum >= 1 && stratum <= LARGEST_STRATUM
  if ((first & 7) !== SERVER || !isSynchronized) return null
  if (cookie.some((octet, at) => octets[ORIGINATE + at] !== octet)) return null
  const received = microseconds(octets, RECEIVE)
  const sent = microseconds(octets, TRANSMIT)
  if (received === 0 || sent === 0) return null
  // A server that claims to have taken longer than everything together is not believed in that.
  const delayMicroseconds = elapsed - Math.min(Math.max(sent - received, 0), elapsed)
  return { date: new Date((sent + delayMicroseconds / 2) / 1000), delayMicroseconds, stratum }
}

/** A timestamp (RFC 4330 3) in microseconds since 1970; 0: none. */
function microseconds(octets: Uint8Array, at: number): number {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const seconds = view.getUint32(at)
  const fraction = view.getUint32(at + 4)
  if (seconds === 0 && fraction === 0) return 0
  const since1900 = seconds < SECOND_ERA ? seconds + ERA : seconds
  return Math.round((since1900 - UNIX_EPOCH) * 1_000_000 + (fraction * 1_000_000) / ERA)
}
