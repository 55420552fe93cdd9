/**
 * Carries a connection of a stack to and from pipes of a child process, whose other ends are descriptors there.
 *
 * Bounded by the streams' buffers on the way, and over when either side is: the end of what the peer sends ends the child's input; when the
 * child has closed its outputs, the connection ends; when the connection is gone, so are the pipes.
 *
 * @module
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** @param input gets what the peer sends. @param outputs whose octets go to the peer; may contain the input. */
export function pump(connection: Socket, input: Duplex, outputs: readonly Duplex[]): void {
  const all = new Set([input, ...outputs])
  let open = outputs.length
  connection.pipe(input)
  for (const output of outputs) {
    output.pipe(connection, { end: false })
    output.once('end', () => {
      // Whoever writes no more may still read; then it is the peer's turn to end.
      if (--open === 0) connection.end()
    })
  }
  const isOver = (): boolean => [...all].every(({ destroyed }) => destroyed)
  for (const each of all) {
    // A child that does not read its input, or is gone: its outputs tell when it is over.
    each.on('error', () => {})
    each.once('close', () => {
      if (isOver()) connection.destroySoon()
    })
  }
  connection.on('error', () => {})
  connection.once('close', () => {
    for (const each of all) each.destroy()
  })
}
