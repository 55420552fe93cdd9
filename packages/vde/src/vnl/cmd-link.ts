/**
 * The module `cmd://COMMAND`: a network on a command's standard input and output, in the framing of vde_plug. The command runs in a shell,
 * and again when it ended, as a plug that is pulled and put in again.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import type { FramePool, Link, Scheduler } from '@ioth/core'
import { CarrierLink } from '../plug/carrier-link.ts'
import { carryByStream } from '../plug/framed-stream.ts'
import { openRejoiningLink } from '../plug/rejoining-link.ts'
import { networkError } from './switch-directory.ts'

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

/** Shells say so: the command cannot be run, or is not there. No use in trying again. */
const NO_COMMAND: readonly (number | null)[] = [126, 127]

/** @throws NetError ERR_IOTH_NETWORK when there is no command, or no shell. */
export async function openCommand(command: string, text: string, setup: Setup): Promise<Link> {
  if (command.trim() === '') throw networkError(`"${text}": there is no command. An example: cmd://vde_plug /tmp/lan`)
  const open = (): Promise<Link> => start(command, text, setup)
  return await openRejoiningLink({ ...setup, type: 'ethernet', name: text, open })
}

function start(command: string, text: string, setup: Setup): Promise<Link> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'inherit'] })
    // Whoever uses a stack holds the process, not its links.
    child.unref()
    for (const stream of [child.stdin, child.stdout]) {
      stream.on('error', () => {})
      ;(stream as unknown as { unref(): void }).unref()
    }
    const link = carryByStream(new CarrierLink({ ...setup, name: text, headroom: 2 }), child.stdout, child.stdin, 2, {
      fault: (why) => link.ended(`the command's output is no network: ${why}`),
      close: () => void child.kill(),
    })
    child.on('error', (error) => reject(networkError(`"${text}": ${error.message}`, error)))
    child.on('spawn', () => resolve(link))
    child.on('exit', (code, signal) => {
      link.ended(`the command ended (${signal ?? code})`, NO_COMMAND.includes(code))
    })
  })
}
