/**
 * A backend in one file: a TCP stack that reaches nobody but itself. What is here is an engine, which carries octets; the shell in front of it
 * keeps the contract.
 *
 *   npx ioth run -l ./examples/loopback-stack.mjs -a 10.40.0.32/24 examples/talks-to-itself.mjs
 *
 * docs/adding-a-backend.md goes through it part by part.
 */
import { createCapabilities, NetError } from '@ioth/core'
import { BareEngine, createShellStack, TcpLine } from '@ioth/core/shell'

/** 1. The manifest: what it can do. What is not claimed here is refused, with ERR_IOTH_NOT_IMPLEMENTED. */
const capabilities = createCapabilities({
  ipv6: true,
  halfClose: 'native',
  reset: 'native',
  connectCancel: true,
  refusedVisible: true,
  stacksPerThread: 1000,
  virtualTime: true,
  teardown: 'full',
  limits: { sockets: 1024, backlog: 128 },
})

/** 2. One end of a connection. `this.user` is the shell's socket: it asks by the methods here, and is told by its own. */
class Line extends TcpLine {
  /** The other end; null while there is none, and after a reset. */
  far = null
  /** The other end was told that nothing more comes. */
  hasEnded = false
  /** The program wants nothing of it any more. */
  isFinished = false

  constructor(engine) {
    super()
    this.engine = engine
  }

  /** The program wrote, or will write no more. What the other end has no room for stays in `outgoing`, and slows the program down. */
  pump() {
    const { far, user } = this
    if (far === null) return
    while (user.outgoing.length > 0 && far.user.room > 0) {
      if (far.isFinished) return this.broken()
      const piece = user.outgoing.front(far.user.room)
      far.user.received(piece, 0, piece.length)
      user.outgoing.drop(piece.length)
      user.drained()
    }
    if (user.outgoing.length === 0 && user.isEnding) this.end()
  }

  /** The program has read: the other end may go on. */
  resume() {
    this.engine.soon(() => this.far?.pump())
  }

  /** The program has closed. What is in `outgoing` still goes: pump() follows. */
  finish() {
    this.isFinished = true
  }

  /** The program wants it gone. Nobody is told from inside a call: hence `soon`. */
  reset() {
    const { far } = this
    this.isFinished = true
    this.far = null
    this.engine.soon(() => {
      far?.broken()
      this.user.gone()
    })
  }

  /** All octets went, and nothing follows: what a FIN tells. */
  end() {
    if (!this.hasEnded) this.far.user.ended()
    this.hasEnded = true
    if (this.isFinished) this.user.gone()
  }

  /** The other end is gone and did not read all: what a RST tells. */
  broken() {
    this.far = null
    if (this.isFinished) this.user.gone()
    else this.user.failed('ECONNRESET')
  }
}

/** 3. The engine: what it knows of the world is who listens. */
class LoopbackEngine extends BareEngine {
  /** Else the shell carried what a stack says to itself, and nothing were left to do here. */
  carriesLoopback = true
  listeners = new Set()

  /** @param isDual whether a listener on `::` takes IPv4, too */
  listen(user, address, port, isDual) {
    const takes = (to) => (address.isUnspecified ? isDual || to.family === address.family : address.equals(to))
    const listener = { user, port, takes }
    this.listeners.add(listener)
    return { resume() {}, set() {}, close: () => this.listeners.delete(listener) }
  }

  /** The line is there at once; what came of it is told later. */
  connect(ends) {
    const near = new Line(this)
    this.soon(() => {
      if (!near.isFinished) this.join(near, ends)
    })
    return near
  }

  join(near, { local, localPort, remote, remotePort }) {
    if (!this.shell.book.isOurs(remote)) return near.user.failed('EHOSTUNREACH')
    const listener = [...this.listeners].find(({ port, takes }) => port === remotePort && takes(remote))
    if (listener === undefined || listener.user.waiting === listener.user.backlog) {
      return near.user.failed('ECONNREFUSED')
    }
    const far = new Line(this)
    near.far = far
    far.far = near
    listener.user.accepted(far, { local: remote, localPort: remotePort, remote: local, remotePort: localPort })
    near.user.connected()
  }
}

/** 4. The backend: what `-l` loads. */
export const backend = {
  name: 'loopback',
  license: 'MIT',
  capabilities,
  probe: async () => ({ usable: true, tried: [], version: '1' }),
  async createStack(stack) {
    for (const name of Object.keys(stack.settings ?? {})) {
      throw new NetError('EINVAL', 'settings', { message: `loopback: there is no setting "${name}"` })
    }
    return await createShellStack({
      backend: 'loopback',
      capabilities,
      stack,
      engine: (shell) => new LoopbackEngine(shell),
    })
  },
}

/** 5. Tests of the suite that it fails, and why. They are run, and must fail: once one passes, its line has to go. */
const reason = 'it reaches nobody but itself'
export const deviations = [
  { test: 'close with open sockets: each is closed, the peer sees the end', reason },
  { test: 'P-11 a closed stack holds no memory, no timer, no port and no process', reason },
  {
    test: 'an address that somebody has: EADDRINUSE',
    reason: 'nobody answers when the network asks for its addresses',
  },
  { test: 'several stacks in one thread, each with port 80', reason },
  { test: 'the limit of the send buffer holds', reason },
]
