/**
 * A member's side of the desk. It is asked without the event loop: the descriptor of a Unix socket is written to and read from, sleeping a
 * little while there is no answer, never longer than the patience. So `bind` and `listen` have their answer when they return, in main threads
 * and in workers, while everybody else may be busy or blocked: only the hub has to be there.
 *
 * @module
 */
import { readSync, writeSync } from 'node:fs'
import { type ErrorCode, hasCode, NetError } from '@ioth/core'
import type { Answer, Question } from './desk-protocol.ts'

/** How long the hub may take to answer, in milliseconds. */
const PATIENCE_MS = 5_000
/** Naps between two looks, in milliseconds: the first ones are as short as a system's timers allow. */
const SHORT_NAP_MS = 0.02
const LONG_NAP_MS = 1
const SHORT_NAPS = 50

interface PipeHandle {
  readonly fd: number
  connect(request: object, path: string): number
  unref(): void
  close(): void
}

interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle
  readonly PipeConnectWrap: new () => { oncomplete?: () => void }
  readonly constants: { readonly SOCKET: number }
}

export class Desk {
  private readonly path: string
  private readonly pipe: PipeHandle
  private readonly chunk = Buffer.allocUnsafeSlow(65_536)
  private readonly nap = new Int32Array(new SharedArrayBuffer(4))
  private kept = ''
  /** Nothing can be asked any more. */
  isGone = false

  /** Connects at once. @throws NetError ENETDOWN when there is no hub. */
  constructor(path: string) {
    this.path = path
    const { Pipe, PipeConnectWrap, constants } = pipeBinding()
    this.pipe = new Pipe(constants.SOCKET)
    const request = new PipeConnectWrap()
    request.oncomplete = () => {}
    // A Unix socket connects, or fails, in the call; libuv tells a failure in its callback only, and then the descriptor cannot be written to.
    const status = this.pipe.connect(request, path)
    if (status !== undefined && status !== 0) throw this.gone('join')
    this.pipe.unref()
  }

  /** Asks, and waits for the answer. @throws NetError what the hub says; ENETDOWN when it is gone; ETIMEDOUT when it does not answer. */
  ask(question: Question): Answer {
    const syscall = question.op === 'share' || question.op === 'lend' ? 'bind' : question.op
    this.write(question, syscall)
    const answer = JSON.parse(this.readLine(syscall)) as Answer
    if (answer.code === undefined) return answer
    throw new NetError(
      answer.code as ErrorCode,
      syscall,
      answer.message === undefined ? {} : { message: answer.message },
    )
  }

  /** Says something that has no answer. */
  tell(question: Question): void {
    if (!this.isGone) this.write(question, question.op)
  }

  close(): void {
    if (this.isGone) return
    this.isGone = true
    this.pipe.close()
  }

  private write(question: Question, syscall: string): void {
    if (this.isGone) throw this.gone(syscall)
    const octets = Buffer.from(`${JSON.stringify(question)}\n`)
    const start = process.hrtime()
    for (let at = 0, naps = 0; at < octets.length; ) {
      try {
        at += writeSync(this.pipe.fd, octets, at)
      } catch (error) {
        if (!hasCode(error, 'EAGAIN')) throw this.broken(syscall, error)
        this.sleep(naps++, start, syscall)
      }
    }
  }

  private readLine(syscall: string): string {
    const start = process.hrtime()
    for (let naps = 0; ; ) {
      const feed = this.kept.indexOf('\n')
      if (feed >= 0) {
        const line = this.kept.slice(0, feed)
        this.kept = this.kept.slice(feed + 1)
        return Buffer.from(line, 'latin1').toString()
      }
      try {
        const octets = readSync(this.pipe.fd, this.chunk)
        if (octets === 0) throw this.broken(syscall)
        this.kept += this.chunk.toString('latin1', 0, octets)
      } catch (error) {
        if (!hasCode(error, 'EAGAIN')) throw error instanceof NetError ? error : this.broken(syscall, error)
        this.sleep(naps++, start, syscall)
      }
    }
  }

  private sleep(naps: number, start: [number, number], syscall: string): void {
    const [seconds, nanoseconds] = process.hrtime(start)
    if (seconds * 1000 + nanoseconds / 1e6 > PATIENCE_MS) {
      throw new NetError('ETIMEDOUT', syscall, {
        message: `${syscall}: the hub of this node (${this.path}) does not answer`,
      })
    }
    Atomics.wait(this.nap, 0, 0, naps < SHORT_NAPS ? SHORT_NAP_MS : LONG_NAP_MS)
  }

  private broken(syscall: string, cause?: unknown): NetError {
    this.close()
    return this.gone(syscall, cause)
  }

  private gone(syscall: string, cause?: unknown): NetError {
    return new NetError('ENETDOWN', syscall, {
      message:
        `${syscall} ENETDOWN: the hub of this node (${this.path}) is gone, and its network with it. ` +
        'Start the program again: ioth run SCRIPT -a ADDRESS',
      cause,
    })
  }
}

/** `process.binding` without its warning (DEP0111). @throws Error ERR_ACCESS_DENIED under the permission model. */
function pipeBinding(): PipeBinding {
  const host = process as unknown as { binding(name: string): PipeBinding; noDeprecation?: boolean }
  const silent = host.noDeprecation
  host.noDeprecation = true
  try {
    return host.binding('pipe_wrap')
  } finally {
    if (silent === undefined) delete host.noDeprecation
    else host.noDeprecation = silent
  }
}
