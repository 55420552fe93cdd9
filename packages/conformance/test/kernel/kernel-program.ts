/**
 * The program in a namespace, as the test speaks to it; see `kernel-program.mjs`.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Namespace } from './namespace.ts'

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

export class KernelProgram {
  private readonly namespace: Namespace
  private process: ChildProcess | null = null
  private asked = 0
  private readonly answers = new Map<number, (answer: Answer) => void>()
  private readonly outcomes: Outcome[] = []
  private readonly waiting: ((outcome: Outcome) => void)[] = []

  constructor(namespace: Namespace) {
    this.namespace = namespace
  }

  /** Does a task. @throws Error what went wrong there. */
  async ask<Result>(task: string, words: object): Promise<Result> {
    this.process ??= this.start()
    const id = ++this.asked
    const answer = new Promise<Answer>((resolve) => this.answers.set(id, resolve))
    this.process.stdin?.write(`${JSON.stringify({ task, ...words })}\n`)
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

  private start(): ChildProcess {
    const program = fileURLToPath(new URL('kernel-program.mjs', import.meta.url))
    const child = this.namespace.start([process.execPath, program])
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
