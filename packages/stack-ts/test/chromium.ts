/**
 * A headless Chromium, spoken to over a pipe in the language of its developer tools. Nothing is downloaded: it is the one of the system.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** The program, or null where there is none. */
export const chromium: string | null = NAMES.find((name) => spawnSync(name, ['--version']).status === 0) ?? null

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

/** Evaluates an expression in an empty page, waits for the promise it gives, and gives its value. */
export async function evaluateInPage(program: string, expression: string): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-chromium-'))
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe']
  const child = spawn(program, [...options, `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  try {
    const browser = new Browser(child)
    const { targetId } = await browser.ask('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.ask('Target.attachToTarget', { targetId, flatten: true })
    const evaluation = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = await browser.ask('Runtime.evaluate', evaluation, sessionId as string)
    if (exceptionDetails !== undefined) throw new Error(`in the page: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value: unknown }).value
  } finally {
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** Questions and answers, each a JSON text that ends with a zero octet. */
class Browser {
  private readonly input: Writable
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private readonly ended: Promise<never>
  private last = 0
  private partial = ''

  constructor(child: ChildProcess) {
    const [, , stderr, input, output] = child.stdio
    this.input = input as Writable
    let said = ''
    ;(stderr as Readable).setEncoding('utf8').on('data', (text: string) => (said += text))
    this.ended = new Promise((_resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => reject(new Error(`the browser ended with ${code}: ${said}`)))
    })
    this.ended.catch(() => {})
    ;(output as Readable).setEncoding('utf8').on('data', (text: string) => this.heard(text))
  }

  ask(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.last
    this.input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => {
        if (result !== undefined) resolve(result)
        else reject(new Error(`${method}: ${error?.message}`))
      })
    })
    return Promise.race([answered, this.ended])
  }

  private heard(text: string): void {
    const texts = (this.partial + text).split('\0')
    this.partial = texts.pop() as string
    for (const each of texts) {
      const answer = JSON.parse(each) as Answer
      if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer)
    }
  }
}
