/**
 * Debian's VDE programs as parts of tests: vde_switch, and vde_plug, which puts frames on its standard input and output.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterTest, until } from './harness.ts'

const missing = ['vde_switch', 'vde_plug'].filter((name) => spawnSync(name, ['--version']).error !== undefined)

/** Why Debian's VDE programs are not there; null: they are. Under CI they have to be. */
export const noVdeTools: string | null =
  missing.length === 0 || process.env.CI
    ? null
    : `no ${missing.join(', ')}: apt-get install vde2 vdeplug libvdeplug-dev`

/** A program that is gone when the test is over. */
export class Tool {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  output = ''

  constructor(program: string, args: readonly string[], user: { uid?: number; gid?: number } = {}) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...user })
    this.child.stdin?.on('error', () => {})
    this.child.stderr?.on('data', (data) => {
      this.output += String(data)
    })
    this.ended = new Promise((resolve) => this.child.on('close', () => resolve()))
    afterTest(() => this.stop('SIGKILL'))
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal)
    await this.ended
  }
}

/** Starts Debian's switch. @returns when it listens. */
export async function startVdeSwitch(dir: string, args: readonly string[] = []): Promise<Tool> {
  const tool = new Tool('vde_switch', ['-s', dir, '-n', '256', '-m', '600', ...args])
  // The socket has a name before anybody listens on it.
  await until(async () => tool.child.exitCode !== null || (await accepts(join(dir, 'ctl'))))
  return tool
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Debian's plug: frames in two octets of length each, as its standard input and output carry them. */
export class VdePlugTool extends Tool {
  readonly frames: Buffer[] = []
  private kept = Buffer.alloc(0)

  constructor(vnl: string, user: { uid?: number; gid?: number } = {}) {
    super('vde_plug', [vnl], user)
    this.child.stdout?.on('data', (data: Buffer) => {
      this.kept = Buffer.concat([this.kept, data])
      while (this.kept.length >= 2) {
        const end = 2 + this.kept.readUInt16BE(0)
        if (this.kept.length < end) return
        this.frames.push(this.kept.subarray(2, end))
        this.kept = this.kept.subarray(end)
      }
    })
  }

  send(bytes: Uint8Array): void {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(bytes.length)
    this.child.stdin?.write(Buffer.concat([length, bytes]))
  }

  async take(count: number): Promise<Buffer[]> {
    await until(() => this.frames.length >= count || this.child.exitCode !== null)
    return this.frames.splice(0, count)
  }
}
