/**
 * A connection to a switch for questions only: it takes no frames and is no port. For `ioth ps`, and to learn whether a switch is alive.
 *
 * @module
 */
import { connect, type Socket } from 'node:net'
import type { Offload } from '@ioth/core'
import { NO_OFFLOAD } from '@ioth/core'
import { cannotConnect, networkError, streamSocketPath } from '../vnl/switch-directory.ts'
import { type PortInfo, parseSwitchMessage } from './control.ts'
import { isRefusal, MAX_OPENING, parseSwitchOpening, plugOpening, type Refusal, type SwitchOpening } from './opening.ts'
import { KIND_CONTROL, kindOf, lengthOf, RECORD_HEADER, recordFault, writeControlHeader } from './record.ts'

const QUESTION = plugOpening({ name: '', pid: process.pid, mtu: 0, accepts: NO_OFFLOAD as Offload, frames: false })

/** What answers at a socket's path: a switch, something else, one that went away without a word, or nobody. */
export type Answer =
  | { readonly kind: 'switch'; readonly opening: SwitchOpening }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }
  | { readonly kind: 'gone' }
  | { readonly kind: 'nobody'; readonly error: Error }
  | { readonly kind: 'silent' }

/** Asks who is at a socket's path. Never rejects. @param patienceMs how long to wait for the opening line. */
export function askWho(path: string, patienceMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let line = ''
    let connected = false
    const finish = (answer: Answer): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(patienceMs, () => finish({ kind: 'silent' }))
    socket.on('connect', () => {
      connected = true
      socket.write(QUESTION)
    })
    socket.on('error', (error) => finish(connected ? { kind: 'gone' } : { kind: 'nobody', error }))
    socket.on('close', () => finish({ kind: 'gone' }))
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      line += text
      const end = line.indexOf('\n')
      if (end < 0 && line.length <= MAX_OPENING) return
      const opening = parseSwitchOpening(Buffer.from(line.slice(0, Math.max(end, 0)), 'latin1').toString())
      finish(isRefusal(opening) ? { kind: 'refusal', refusal: opening } : { kind: 'switch', opening })
    })
  })
}

/** The ports of the switch in a directory. @throws NetError ERR_IOTH_NETWORK when it does not answer. */
export interface FrameWatcher {
  /** A frame as its sender made it: flags of missing checksums and of segments too large are in the record's header. */
  frame(from: PortSource, record: Buffer): void
  /** The switch went away, or broke the protocol. */
  ended(why: string): void
}

/** A port that frames came in at. */
export interface PortSource {
  readonly port: number
  readonly name: string
  readonly pid: number
}

/**
 * Is shown every frame of a network from now on.
 * @returns what ends it. @throws NetError ERR_IOTH_NETWORK when the switch does not answer, or is too old for it.
 */
export function watchFrames(dir: string, patienceMs: number, watcher: FrameWatcher): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = connect(streamSocketPath(dir))
    let source: PortSource = { port: 0, name: '', pid: 0 }
    let granted = false
    const fail = (why: string): void => {
      socket.destroy()
      if (granted) watcher.ended(why)
      else
        reject(
          networkError(`the switch at ${dir} does not show its frames: ${why}. See whether it runs: ioth ps -f ${dir}`),
        )
    }
    socket.setTimeout(patienceMs, () => fail('it does not answer'))
    socket.on('error', (error) => (granted ? fail(error.message) : reject(cannotConnect(dir, error))))
    socket.on('close', () => fail('it closed the connection'))
    socket.write(QUESTION)
    sendControl(socket, { type: 'watch', id: 1 })
    const stop = (): void => {
      socket.removeAllListeners('close').on('close', () => {})
      socket.destroy()
    }
    const take = (text: string): void => {
      const message = parseSwitchMessage(text)
      if (message?.type === 'from') source = { port: message.port, name: message.name, pid: message.pid }
      else if (message?.type === 'closing') fail(message.reason)
      else if (message?.type === 'refused') fail(message.reason)
      if (message?.type !== 'granted') return
      granted = true
      socket.setTimeout(0)
      resolve(stop)
    }
    readControl(socket, fail, take, (record) => watcher.frame(source, record))
  })
}

export function askPorts(dir: string, patienceMs: number): Promise<PortInfo[]> {
  const ports: PortInfo[] = []
  return new Promise((resolve, reject) => {
    const socket = connect(streamSocketPath(dir))
    const fail = (why: string): void => {
      socket.destroy()
      reject(
        networkError(`the switch at ${dir} does not list its ports: ${why}. See whether it runs: ioth switch ${dir}`),
      )
    }
    socket.setTimeout(patienceMs, () => fail('it does not answer'))
    socket.on('error', (error) => reject(cannotConnect(dir, error)))
    socket.on('close', () => fail('it closed the connection'))
    socket.write(QUESTION)
    sendControl(socket, { type: 'ports', id: 1 })
    readControl(socket, fail, (text) => {
      const message = parseSwitchMessage(text)
      if (message?.type === 'port') ports.push(message.port)
      if (message?.type !== 'end') return
      socket.destroy()
      resolve(ports)
    })
  })
}

function sendControl(socket: Socket, message: object): void {
  const text = Buffer.from(JSON.stringify(message))
  const record = Buffer.alloc(RECORD_HEADER + text.length)
  writeControlHeader(new DataView(record.buffer, record.byteOffset, record.length), 0, text.length)
  text.copy(record, RECORD_HEADER)
  socket.write(record)
}

/** Reads the opening line, then control records. */
function readControl(
  socket: Socket,
  fail: (why: string) => void,
  message: (text: string) => void,
  frame: (record: Buffer) => void = () => {},
): void {
  let kept = Buffer.alloc(0)
  let open = false
  socket.on('data', (data: Buffer) => {
    kept = Buffer.concat([kept, data])
    if (!open) {
      const end = kept.indexOf('\n')
      if (end < 0 && kept.length <= MAX_OPENING) return
      const opening = parseSwitchOpening(kept.toString('utf8', 0, Math.max(end, 0)))
      if (isRefusal(opening)) return fail(opening.refusal)
      open = true
      kept = kept.subarray(end + 1)
    }
    while (kept.length >= RECORD_HEADER) {
      const first = kept.readInt32BE(0)
      const second = kept.readInt32BE(4)
      if (recordFault(first, second) !== null) return fail('it sent something that is no record')
      const end = RECORD_HEADER + lengthOf(second)
      if (kept.length < end) return
      if (kindOf(first) === KIND_CONTROL) message(kept.toString('utf8', RECORD_HEADER, end))
      else frame(kept.subarray(0, end))
      kept = kept.subarray(end)
    }
  })
}
