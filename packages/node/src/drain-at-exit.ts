/**
 * What a process leaves behind when it exits. On a host the kernel delivers what was written, and ends the connections; a stack goes with
 * its process, so it is carried on for a moment, past the event loop, until everything is acknowledged. A connection that is not done
 * by then is reset, so that its peer, unless its window is closed, learns that it did not get all.
 *
 * @module
 */
import type { Stack, TcpSocket } from '@ioth/core'
import { VirtualTcp } from './virtual-tcp.ts'

/** The longest that an exit is delayed, in milliseconds. */
const PATIENCE_MS = 1000
/** How long to sleep when nothing has arrived, in milliseconds. */
const PAUSE_MS = 1

/** Synchronous, and the last thing that happens: no code of the program runs from here on. */
export function drainAtExit(stacks: Iterable<Stack>): void {
  const all = [...stacks]
  const until = performance.now() + PATIENCE_MS
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  let busy = all.filter(bringOut)
  while (busy.length > 0 && performance.now() < until) {
    let heard = false
    for (const stack of busy) {
      for (const { link } of stack.interfaces) {
        while (link?.receiveNow?.() === true) {
          heard = true
          stack.scheduler.carryOut?.()
        }
      }
      stack.scheduler.carryOut?.()
    }
    if (!heard) Atomics.wait(sleeper, 0, 0, PAUSE_MS)
    busy = busy.filter(bringOut)
  }
  for (const stack of busy) {
    for (const socket of connections(stack)) if (isOwed(socket)) socket.reset()
    stack.flush()
  }
}

/** Sends what can be sent. @returns whether something is owed that time can help. */
function bringOut(stack: Stack): boolean {
  const halfCloses = stack.capabilities.halfClose === 'native'
  let owed = false
  for (const socket of connections(stack)) {
    const { owner } = socket
    // What the send buffer had no room for goes before the end.
    if (owner instanceof VirtualTcp && owner.flushAtExit()) owed = true
    else if (!isOwed(socket) || !halfCloses) socket.close()
    else {
      socket.shutdown()
      owed = true
    }
  }
  stack.flush()
  return (owed || stack.lingering > 0) && stack.scheduler.carryOut !== undefined
}

function connections(stack: Stack): TcpSocket[] {
  return [...stack.sockets()]
    .filter(({ transport, endpoint }) => transport === 'tcp' && 'shutdown' in endpoint)
    .map(({ endpoint }) => endpoint as TcpSocket)
}

/** Whether the peer has not acknowledged all, the FIN among it. */
function isOwed({ state }: TcpSocket): boolean {
  return ['ESTABLISHED', 'CLOSE-WAIT', 'FIN-WAIT-1', 'CLOSING', 'LAST-ACK'].includes(state)
}
