/**
 * Linux as a host on a network of ours: a namespace, joined by a TAP interface whose other end is a link for a stack.
 *
 * @module
 */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { openVnl } from '@ioth/vde'
import { Namespace } from './namespace.ts'

/** What one end of a connection does. */
export interface Plan {
  readonly send: number
  readonly seed: number
  readonly finish: 'first' | 'after-peer'
  /** False: only after `resume`. */
  readonly reads?: boolean
}

/** What one end saw. */
export interface Outcome {
  readonly received: number
  readonly digest: string
  readonly ended: boolean
  readonly error: string | null
}

interface Answer {
  readonly id: number
  readonly answer?: unknown
  readonly outcome?: Outcome
  readonly failure?: string
}

let made = 0

export class KernelHost {
  readonly namespace: Namespace
  /** The stack's end of the cable. */
  readonly link: Link
  readonly device: string
  private program: ChildProcess | null = null
  private asked = 0
  private readonly answers = new Map<number, (answer: Answer) => void>()
  private readonly outcomes: Outcome[] = []
  private readonly waiting: ((outcome: Outcome) => void)[] = []

  private constructor(namespace: Namespace, link: Link, device: string) {
    this.namespace = namespace
    this.link = link
    this.device = device
  }

  /** @param addresses of the kernel's end, in CIDR notation. */
  static async create(
    addresses: readonly string[],
    mtu: number,
    shared: { readonly scheduler: Scheduler; readonly pool: FramePool },
  ): Promise<KernelHost> {
    const namespace = await Namespace.create()
    const device = `ioth${process.pid % 100_000}x${++made}`
    const link = await openVnl(`tap://${device}`, { mtu, ...shared })
    execFileSync('ip', ['link', 'set', device, 'netns', String(namespace.pid)])
    const host = new KernelHost(namespace, link, device)
    // Duplicate address detection of its own would only make the tests slower.
    namespace.run(`sysctl -qw net.ipv6.conf.${device}.accept_dad=0`)
    namespace.run(`ip link set ${device} mtu ${mtu} up`)
    for (const address of addresses) namespace.run(`ip addr add ${address} dev ${device}`)
    return host
  }

  /** A task of `kernel-program.mjs`. @throws Error what went wrong there. */
  async ask<Result>(task: string, words: object): Promise<Result> {
    this.program ??= this.startProgram()
    const id = ++this.asked
    const answer = new Promise<Answer>((resolve) => this.answers.set(id, resolve))
    this.program.stdin?.write(`${JSON.stringify({ task, ...words })}\n`)
    const { answer: result, failure } = await answer
    if (failure !== undefined) throw new Error(`${task}: ${failure}`)
    return result as Result
  }

  listen(host: string, port: number, plan: Plan): Promise<{ port: number }> {
    return this.ask('listen', { host, port, plan })
  }

  connect(host: string, port: number, plan: Plan): Promise<Outcome> {
    return this.ask('connect', { host, port, plan })
  }

  /** What the next connection that was served here saw. */
  served(): Promise<Outcome> {
    const outcome = this.outcomes.shift()
    return outcome === undefined ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(outcome)
  }

  async close(): Promise<void> {
    await this.link.close()
    await this.namespace.close()
  }

  private startProgram(): ChildProcess {
    const child = this.namespace.start([
      process.execPath,
      fileURLToPath(new URL('kernel-program.mjs', import.meta.url)),
    ])
    child.stderr?.pipe(process.stderr)
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer
      if (answer.outcome !== undefined) {
        const taker = this.waiting.shift()
        if (taker === undefined) this.outcomes.push(answer.outcome)
        else taker(answer.outcome)
        return
      }
      this.answers.get(answer.id)?.(answer)
      this.answers.delete(answer.id)
    })
    return child
  }
}
