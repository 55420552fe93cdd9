/**
 * A network namespace of Linux, made for one test: what runs in it has the kernel's TCP/IP stack and sees nothing of the host's network.
 * It lives as long as a process of ours holds it, so a test run that is killed leaves nothing behind.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Finished {
  readonly code: number | null
  readonly output: string
}

/** Debian's packages, by the commands that the tests of this folder run. */
const PACKAGES: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  ss: 'iproute2',
  sysctl: 'procps',
  ping: 'iputils-ping',
  traceroute: 'traceroute',
  radvd: 'radvd',
  dnsmasq: 'dnsmasq-base',
}

/** What keeps the tests of this folder from running here; null: nothing does. */
export function missingHere(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are Linux'
  if (process.getuid?.() !== 0) return 'a network namespace and a TAP interface need root'
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const missing = Object.keys(PACKAGES).filter(
    (command) => !folders.some((folder) => existsSync(join(folder, command))),
  )
  if (missing.length === 0) return null
  const packages = new Set(missing.map((command) => PACKAGES[command]))
  return `there is no ${missing.join(', ')}. Type: apt-get install ${[...packages].join(' ')}`
}

export class Namespace {
  private readonly anchor: ChildProcess
  private readonly children = new Set<ChildProcess>()

  private constructor(anchor: ChildProcess) {
    this.anchor = anchor
  }

  static async create(): Promise<Namespace> {
    // `cat` ends when its input does, and the namespace with it.
    const anchor = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(anchor.stdout as NodeJS.ReadableStream, 'data')
    if (readlinkSync(`/proc/${anchor.pid}/ns/net`) === readlinkSync('/proc/self/ns/net'))
      throw new Error('unshare made no namespace')
    const made = new Namespace(anchor)
    made.run('ip link set lo up')
    return made
  }

  /** For `ip link set NAME netns PID`. */
  get pid(): number {
    return this.anchor.pid as number
  }

  /** Runs a command (words parted by blanks) and gives its output. @throws Error when it fails. */
  run(command: string): string {
    const [program, ...words] = this.within(command.split(' '))
    return execFileSync(program as string, words, { encoding: 'utf8', timeout: 20_000 })
  }

  /** Runs a command while the test goes on. */
  async exec(...words: string[]): Promise<Finished> {
    const child = this.start(words)
    let output = ''
    child.stdout?.on('data', (text) => (output += text))
    child.stderr?.on('data', (text) => (output += text))
    const [code] = await once(child, 'close')
    return { code, output }
  }

  /** Starts a program that runs until it is stopped, or the namespace ends. */
  start(words: string[]): ChildProcess {
    const [program, ...rest] = this.within(words)
    const child = spawn(program as string, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.children.add(child)
    child.once('exit', () => this.children.delete(child))
    return child
  }

  async close(): Promise<void> {
    const ended = [...this.children, this.anchor].map((child) => once(child, 'close'))
    for (const child of this.children) child.kill('SIGKILL')
    this.anchor.stdin?.end()
    await Promise.all(ended)
  }

  private within(words: readonly string[]): string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, ...words]
  }
}

/** Settles when a program says something that matches, on either output. @throws Error when it ends without. */
export async function says(child: ChildProcess, expected: RegExp): Promise<string> {
  const heard: string[] = []
  return await new Promise((resolve, reject) => {
    const hear = (line: string): void => {
      heard.push(line)
      if (expected.test(line)) resolve(line)
    }
    for (const output of [child.stdout, child.stderr])
      createInterface({ input: output as NodeJS.ReadableStream }).on('line', hear)
    child.once('close', () => reject(new Error(`it ended without a word of ${expected}:\n${heard.join('\n')}`)))
  })
}
