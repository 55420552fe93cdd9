/**
 * Runs a program and its client on one backend, each a node of its own, on a switch that nobody else is on, and gathers what they saw.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSwitch } from '@ioth/vde'
import { CALL_LOG, type LoggedCall, readCallLog } from './call-log.ts'
import type { ProgramRun, Run } from './compare.ts'

export interface Programs {
  readonly server: string
  readonly serverArguments: readonly string[]
  readonly client: string
  /** Milliseconds that the server has to listen, and the client to end. */
  readonly patienceMs: number
}

const SERVER = '10.99.0.1'
const CLIENT = '10.99.0.2'
const LOOK_MS = 20
const command = fileURLToPath(new URL('../bin/ioth.js', import.meta.url))
/** The client where none is named. */
export const ownClient: string = fileURLToPath(new URL('./diff-client.js', import.meta.url))

/** @returns what both saw; a program that had to be stopped says so in its output. */
export async function runOn(backend: string, programs: Programs): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-diff-'))
  const network = await createSwitch({ dir: join(folder, 'sw') })
  const start = (name: string, address: string, script: string, args: readonly string[]): Node =>
    new Node(name, join(folder, `${name}.jsonl`), [
      'run',
      ...['-q', '-l', backend, '-a', `${address}/24`, '-f', network.dir],
      ...['--', script, ...args],
    ])
  const nodes: Node[] = []
  try {
    const server = start('server', SERVER, programs.server, programs.serverArguments)
    nodes.push(server)
    await server.listens(programs.patienceMs)
    if (server.isRunning) {
      const client = start('client', CLIENT, programs.client, [SERVER])
      nodes.push(client)
      await client.ends(programs.patienceMs)
    }
    server.child.kill('SIGTERM')
    await server.ends(programs.patienceMs)
    return { backend, programs: nodes.map((node) => node.result()) }
  } finally {
    for (const { child } of nodes) child.kill('SIGKILL')
    await network.close('the comparison is over')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A process under `ioth run`. */
class Node {
  readonly child: ChildProcess
  private readonly name: string
  private readonly log: string
  private readonly over: Promise<void>
  private text = ''
  private ending = ''

  constructor(name: string, log: string, words: readonly string[]) {
    this.name = name
    this.log = log
    this.child = spawn(process.execPath, [command, ...words], {
      env: { ...process.env, [CALL_LOG]: log },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
    })
    this.over = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.ending ||= `could not be started: ${error.message}`
        resolve()
      })
      this.child.once('close', (code, signal) => {
        // Which signal ended a program that was told to is not of interest.
        this.ending ||= signal === null && code !== null ? `ended with ${code}` : 'was stopped'
        resolve()
      })
    })
  }

  get isRunning(): boolean {
    return this.ending === ''
  }

  /** Waits until it listens, ends, or the time is over. */
  async listens(patienceMs: number): Promise<void> {
    const end = Date.now() + patienceMs
    while (this.isRunning && Date.now() < end && !this.calls().some(({ call }) => call === 'listen')) {
      await Promise.race([this.over, new Promise((resolve) => setTimeout(resolve, LOOK_MS))])
    }
  }

  async ends(patienceMs: number): Promise<void> {
    const tooLong = setTimeout(() => {
      this.ending = `did not end within ${patienceMs / 1000} s`
      this.child.kill('SIGKILL')
    }, patienceMs)
    await this.over
    clearTimeout(tooLong)
  }

  result(): ProgramRun {
    const lines = this.text.split('\n').filter((line) => line !== '')
    return { name: this.name, calls: this.calls(), output: [...lines, this.ending] }
  }

  private calls(): LoggedCall[] {
    return existsSync(this.log) ? readCallLog(this.log) : []
  }
}
