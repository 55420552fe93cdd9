/**
 * The socket calls of a program in a file, one line of JSON each: what `ioth diff` compares. Octets are not kept: of each stream their
 * number, and a hash of every 1024.
 *
 * @module
 */
import { openSync, readFileSync, writeSync } from 'node:fs'
import { recordCalls, type SocketCall, type Stack } from '@ioth/core'

/** The variable that names the file. */
export const CALL_LOG = 'IOTH_CALL_LOG'

/** One line. */
export interface LoggedCall {
  /** Milliseconds since the program began. */
  readonly at: number
  readonly socket: string
  readonly call: string
  readonly detail: string
  readonly result: string
  /** How many octets. */
  readonly octets?: number
  /** Hashes of the blocks of the stream that these octets completed; of a datagram, of all of it. */
  readonly blocks?: readonly number[]
}

/** Octets under one hash. */
export const BLOCK = 1024

/** Writes the calls of a stack to a file from now on. */
export function logCalls(stack: Stack, path: string): void {
  const file = openSync(path, 'a')
  const since = performance.now()
  const streams = new Map<string, BlockHash>()
  recordCalls(stack, (call) => {
    const line: LoggedCall = { at: Math.round(performance.now() - since), ...worded(call), ...weighed(call, streams) }
    writeSync(file, `${JSON.stringify(line)}\n`)
  })
}

/** The lines that are whole. */
export function readCallLog(path: string): LoggedCall[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as LoggedCall)
}

function worded({
  socket,
  call,
  detail,
  result,
}: SocketCall): Pick<LoggedCall, 'socket' | 'call' | 'detail' | 'result'> {
  return { socket, call, detail, result }
}

function weighed(
  { socket, call, octets }: SocketCall,
  streams: Map<string, BlockHash>,
): Pick<LoggedCall, 'octets' | 'blocks'> {
  const isStream = call === 'read' || call === 'write'
  if (octets === null) return isStream ? { blocks: streams.get(`${socket} ${call}`)?.rest() ?? [] } : {}
  if (!isStream) {
    const hash = new BlockHash()
    return { octets: octets.length, blocks: [...hash.add(octets), ...hash.rest()] }
  }
  const key = `${socket} ${call}`
  let stream = streams.get(key)
  if (stream === undefined) streams.set(key, (stream = new BlockHash()))
  return { octets: octets.length, blocks: stream.add(octets) }
}

/** FNV-1a over each block of a stream. */
class BlockHash {
  private hash = 0x811c_9dc5
  private filled = 0

  /** @returns the hashes of the blocks that are full now. */
  add(octets: Uint8Array): number[] {
    const full: number[] = []
    for (let at = 0; at < octets.length; at++) {
      this.hash = Math.imul(this.hash ^ (octets[at] as number), 0x0100_0193)
      if (++this.filled === BLOCK) full.push(...this.rest())
    }
    return full
  }

  /** The hash of the block that is begun. */
  rest(): number[] {
    if (this.filled === 0) return []
    const { hash } = this
    this.hash = 0x811c_9dc5
    this.filled = 0
    return [hash >>> 0]
  }
}
