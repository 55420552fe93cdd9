/**
 * The guard: Node's internals on which the interception builds, as this version of ioth has seen them, and what this Node has.
 *
 * @module
 */

/** The majors of Node whose internals are written down here. */
export const SEEN_MAJORS: readonly number[] = [20, 22, 24, 26]

interface KnownClass {
  /** Methods and accessors, of parents too, in every version seen. */
  readonly always: string
  /** The others, with the first major that has them. */
  readonly since?: Readonly<Record<string, number>>
  /** Those without which the interception cannot work. */
  readonly needed: string
}

// `owner` is there once `node:net` or `node:dgram` is loaded.
const HANDLE = 'constructor asyncReset getAsyncId getProviderType owner'
const REFERENCES = 'close hasRef ref unref'
const STREAM =
  '_externalStream bytesRead bytesWritten fd isStreamBase onread readStart readStop shutdown useUserBuffer writev writeBuffer ' +
  'writeAsciiString writeLatin1String writeUcs2String writeUtf8String'
const NAMES = 'bind bind6 connect connect6 getpeername getsockname open'
const DEBUGGING = { getAsyncContextFrameForDebuggingOnly: 24 }

const KNOWN: Readonly<Record<string, KnownClass>> = {
  TCP: {
    always: `${HANDLE} ${REFERENCES} ${STREAM} ${NAMES} listen reset setBlocking setKeepAlive setNoDelay writeQueueSize`,
    since: { ...DEBUGGING, getTypeOfService: 24, setTypeOfService: 24 },
    needed:
      `${REFERENCES} ${NAMES} listen reset setKeepAlive setNoDelay writeQueueSize bytesRead bytesWritten readStart readStop shutdown ` +
      'useUserBuffer writev writeBuffer writeAsciiString writeLatin1String writeUcs2String writeUtf8String',
  },
  UDP: {
    always:
      `${HANDLE} ${REFERENCES} ${NAMES} fd addMembership addSourceSpecificMembership bufferSize disconnect dropMembership ` +
      'dropSourceSpecificMembership getSendQueueCount getSendQueueSize recvStart recvStop send send6 setBroadcast setMulticastInterface ' +
      'setMulticastLoopback setMulticastTTL setTTL',
    since: DEBUGGING,
    needed: `${REFERENCES} ${NAMES} disconnect recvStart recvStop send send6`,
  },
  JSStream: {
    always: `${HANDLE} ${STREAM} emitEOF finishShutdown finishWrite readBuffer`,
    since: DEBUGGING,
    needed: 'emitEOF finishShutdown finishWrite readBuffer',
  },
  ChannelWrap: {
    always:
      `${HANDLE} cancel getHostByAddr getServers setLocalAddress setServers queryA queryAaaa queryAny queryCaa queryCname queryMx ` +
      'queryNaptr queryNs queryPtr querySoa querySrv queryTxt',
    since: { ...DEBUGGING, queryTlsa: 22 },
    needed: 'cancel getHostByAddr getServers setServers queryA queryAaaa',
  },
}

/** What a Node has that was never seen in its version, and what it lacks, as `TCP.connect`. */
export interface Difference {
  readonly unknown: readonly string[]
  readonly missing: readonly string[]
}

/**
 * @param prototypes of the native classes, by name.
 * @param functions of Node's that are called or replaced, by name.
 */
export function compareInternals(
  prototypes: Readonly<Record<string, object>>,
  functions: Readonly<Record<string, unknown>>,
  major: number,
): Difference {
  const unknown: string[] = []
  const missing: string[] = []
  for (const [name, { always, since = {}, needed }] of Object.entries(KNOWN)) {
    const present = memberNames(prototypes[name] ?? {})
    const known = new Set(always.split(' '))
    for (const [member, first] of Object.entries(since)) if (major >= first) known.add(member)
    for (const member of present) if (!known.has(member)) unknown.push(`${name}.${member}`)
    for (const member of needed.split(' ')) if (!present.has(member)) missing.push(`${name}.${member}`)
  }
  for (const [name, value] of Object.entries(functions)) if (typeof value !== 'function') missing.push(name)
  return { unknown, missing }
}

function memberNames(prototype: object): Set<string> {
  const names = new Set<string>()
  for (let level = prototype; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name)
  }
  return names
}

/** The line for a Node that is not as it was seen; null when it is. */
export function describeDifference({ unknown }: Difference, version: string): string | null {
  const major = Number(version.split('.')[0])
  const seen = SEEN_MAJORS.includes(major)
  if (seen && unknown.length === 0) return null
  const what = unknown.length === 0 ? '' : ` It has what this ioth does not know: ${unknown.join(', ')}.`
  const tested = seen ? '' : ` This ioth was tested with ${SEEN_MAJORS.join(', ')}.`
  return `Node ${version} is not as it was when this ioth was made.${what}${tested} Should a program behave oddly, try Node 24 or a newer ioth.`
}
