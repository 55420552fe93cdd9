/**
 * What both ends of a connection do, ours and the kernel's: send known octets, end their direction at once or behind the peer's end, and
 * tell what they read. Plain JavaScript, because the kernel's end runs it in a process of its own.
 *
 * @module
 */
import { createHash } from 'node:crypto'

/** @param {number} length @param {number} seed */
export function octets(length, seed) {
  const made = Buffer.allocUnsafe(length)
  let state = seed | 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    made[i] = state >>> 24
  }
  return made
}

/** @param {Uint8Array} data */
export function digest(data) {
  return createHash('sha256').update(data).digest('hex')
}

/**
 * @param {import('node:stream').Duplex} stream that allows half-open connections
 * @param {{ send: number, seed: number, finish: 'first' | 'after-peer', reads?: boolean }} plan `reads: false`: not before {@link resume}
 * @returns {Promise<{ received: number, digest: string, ended: boolean, error: string | null }>}
 */
export function carryOut(stream, plan) {
  const hash = createHash('sha256')
  let received = 0
  let ended = false
  let error = null
  return new Promise((resolve) => {
    const data = octets(plan.send, plan.seed)
    if (plan.finish === 'first') stream.end(data)
    else stream.write(data)
    stream.on('data', (piece) => {
      received += piece.length
      hash.update(piece)
    })
    if (plan.reads === false) stream.pause()
    stream.on('end', () => {
      ended = true
      if (plan.finish === 'after-peer') stream.end()
    })
    stream.on('error', (reason) => {
      error = reason.code ?? reason.message
    })
    stream.on('close', () => resolve({ received, digest: hash.digest('hex'), ended, error }))
  })
}
