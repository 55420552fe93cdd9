/**
 * An example of a backend: it wraps another one, counts what its programs do, and cannot half-close. `shutdown` sends what is queued and
 * closes once the peer has ended too, or has been silent for 250 ms: what libraries without half-close do, and manifests call `on-close`.
 *
 * @module
 */
import { type Backend, type Stack, type TcpSocket, Timer } from '@ioth/core'

/** How long the peer's end is waited for (see `Capabilities.halfClose`). */
const SILENCE = 250_000

export interface Counts {
  stacks: number
  sockets: number
}

/** A backend that does what another does, and counts it. */
export function counting(inner: Backend, counts: Counts = { stacks: 0, sockets: 0 }): Backend {
  const own: Backend = {
    ...inner,
    name: `counting-${inner.name}`,
    async createStack(options) {
      const stack = await inner.createStack(options)
      counts.stacks++
      return eachSocket(signed(stack, own), () => {
        counts.sockets++
      })
    },
  }
  return own
}

/** A backend without half-close. */
export function withoutHalfClose(inner: Backend): Backend {
  const own: Backend = {
    ...inner,
    name: `simple-${inner.name}`,
    capabilities: Object.freeze({ ...inner.capabilities, halfClose: 'on-close' }),
    async createStack(options) {
      return eachSocket(signed(await inner.createStack(options), own), closeInsteadOfShutdown)
    },
  }
  return own
}

/** A stack says whose it is. */
function signed(stack: Stack, { name, capabilities }: Backend): Stack {
  return Object.defineProperties(stack, { backend: { value: name }, capabilities: { value: capabilities } })
}

/** Shows every TCP socket of a stack, opened or accepted. */
function eachSocket(stack: Stack, show: (socket: TcpSocket) => void): Stack {
  const openTcp = stack.openTcp.bind(stack)
  stack.openTcp = (family) => {
    const socket = openTcp(family)
    show(socket)
    const listen = socket.listen.bind(socket)
    socket.listen = (backlog) => {
      const listener = listen(backlog)
      const accept = listener.accept.bind(listener)
      listener.accept = () => {
        const accepted = accept()
        if (accepted !== null) show(accepted)
        return accepted
      }
      return listener
    }
    return socket
  }
  return stack
}

function closeInsteadOfShutdown(socket: TcpSocket): void {
  const shutdown = socket.shutdown.bind(socket)
  const { clock } = socket.scheduler
  const silence = new Silence(() => socket.close())
  const close = socket.close.bind(socket)
  socket.close = () => {
    clock.disarm(silence)
    close()
  }
  const read = socket.read.bind(socket)
  socket.read = (into, offset, length) => {
    const count = read(into, offset, length)
    if (silence.armed) clock.arm(silence, clock.now + SILENCE)
    return count
  }
  socket.shutdown = () => {
    shutdown()
    if (!silence.armed) clock.arm(silence, clock.now + SILENCE)
  }
}

class Silence extends Timer {
  private readonly end: () => void

  constructor(end: () => void) {
    super()
    this.end = end
  }

  fire(): void {
    this.end()
  }
}
