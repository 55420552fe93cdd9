import type { Duplex } from 'node:stream'
import type { Outcome, Plan } from './kernel-program.ts'

/** Known octets: the same for the same seed. */
export function octets(length: number, seed: number): Buffer
/** SHA-256, as hexadecimal digits. */
export function digest(data: Uint8Array): string
/** Does an end's part on a stream that allows half-open connections; settles when the stream is closed. */
export function carryOut(stream: Duplex, plan: Plan): Promise<Outcome>
