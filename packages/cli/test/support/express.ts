/**
 * An unmodified Express application on a stack, and clients that ask it a thousand times, fifty at once, and for a file.
 *
 * @module
 */
import { loadBackend } from '@ioth/core/registry'
import { ioth, iothEnds, programs, type Running, root } from './processes.ts'

export const SERVER = '10.40.0.32'
const CLIENT = '10.40.0.33/24'

/** Why a backend cannot be used here; empty: it can. A backend that is required is used, and fails. */
export async function whyNot(backend: string): Promise<string> {
  const { usable, reason = '', tried } = await (await loadBackend(backend, { from: [root] })).probe()
  const isRequired = process.env.IOTH_REQUIRE_BACKENDS?.split(',').includes(backend) ?? false
  return usable || isRequired ? '' : ` (skipped: ${reason}; tried ${tried.join(', ')})`
}

/** Serves a file of so many octets on the network of a switch. */
export async function startExpress(backend: string, path: string, octets: number): Promise<Running> {
  const words = ['run', '-l', backend, '-a', `${SERVER}/24`, '-f', path, `${programs}/express-file.mjs`, `${octets}`]
  const server = ioth(words)
  await server.prints(/ready/)
  return server
}

/** The client's program, without a stack: it is the kernel's. */
export const kernelClient: readonly string[] = [`${programs}/express-client.mjs`, `http://${SERVER}`]

/** Runs the client on a stack. */
export async function askExpress(backend: string, path: string): Promise<Running> {
  return await iothEnds(['run', '-l', backend, '-a', CLIENT, '-f', path, ...kernelClient])
}

/** What a client prints when all was well. */
export function rightAnswers(octets: number): string {
  return `1000 right answers\n${octets} octets, the right hash\n`
}
