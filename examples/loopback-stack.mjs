/**
 * A backend in one file: a TCP stack that reaches nobody but itself. Every piece of the contract is here, and nothing else.
 *
 *   npx ioth run -l ./examples/loopback-stack.mjs -a 10.40.0.32/24 examples/talks-to-itself.mjs
 *
 * docs/adding-a-backend.md goes through it line by line.
 */
import * as core from '@ioth/core'

const { CLOSED, END, ERROR, FAILED, NetError, READABLE, WOULD_BLOCK, WRITABLE } = core
const TCP = 6
const LIMITS = { sockets: 1024, sendBuffer: 65536, receiveBuffer: 65536, maxDatagram: 0, backlog: 128, closedHoldMs: 0 }

/** 1. The manifest: what it can do. Whatever is `false` or `none` must throw ERR_IOTH_NOT_IMPLEMENTED. */
const capabilities = Object.freeze({
  ipv6: false,
  udp: 'none',
  halfClose: 'native',
  reset: 'native',
  connectCancel: true,
  refusedVisible: true,
  noDelay: false,
  sack: false,
  rackTlp: false,
  ecn: false,
  multicast: false,
  superSegments: false,
  ping: false,
  dhcp: false,
  links: 'frames',
  stacksPerThread: 1000,
  virtualTime: true,
  teardown: 'full',
  limits: Object.freeze(LIMITS),
})

function refuse(what) {
  throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, { message: `the loopback stack has no ${what}` })
}

/** 2. What sockets and listeners have in common. `Pollable` carries readiness: raise() and lower() say what is true. */
class Endpoint extends core.Pollable {
  localAddress = null
  localPort = 0
  remoteAddress = null
  remotePort = 0
  error = null
  binding = null

  constructor(stack) {
    super()
    this.stack = stack
    this.scheduler = stack.scheduler
    stack.endpoints.add(this)
  }

  bind(address, port) {
    const isOurs = address.isUnspecified || this.stack.owns(address)
    if (this.binding !== null) throw new NetError('EINVAL', 'bind')
    if (!isOurs) throw new NetError('EADDRNOTAVAIL', 'bind', { address: `${address}`, port })
    this.binding = this.stack.ports.bind(TCP, address, port)
    this.localAddress = address
    this.localPort = this.binding.port
  }

  setOption(name) {
    refuse(name)
  }

  getOption(name) {
    refuse(name)
  }

  gone() {
    if ((this.ready & CLOSED) !== 0) return
    this.binding?.release()
    this.stack.endpoints.delete(this)
    this.raise(CLOSED)
  }
}

/** 3. Listeners. On a host the connection is in the queue before the one who connects hears of it: hence `comesFirst`. */
class Listener extends Endpoint {
  comesFirst = true
  waiting = []
  state = 'LISTEN'

  add(client, server) {
    const { localAddress, localPort, remoteAddress, remotePort } = client
    Object.assign(server, { localAddress: remoteAddress, localPort: remotePort })
    Object.assign(server, { remoteAddress: localAddress, remotePort: localPort })
    server.established(client)
    client.established(server)
    this.waiting.push(server)
    this.raise(READABLE)
  }

  accept() {
    const socket = this.waiting.shift() ?? null
    if (this.waiting.length === 0) this.lower(READABLE)
    return socket
  }

  close() {
    for (const socket of this.waiting.splice(0)) socket.reset()
    this.gone()
  }
}

/** 4. Connections. Calls return at once; data calls give a count, END, WOULD_BLOCK or FAILED, and never throw. */
class Socket extends Endpoint {
  state = 'CLOSED'
  peer = null
  /** Octets that came and were not read. */
  pieces = []
  held = 0
  hasEnd = false
  isShut = false
  isGone = false

  get bytesQueued() {
    return this.peer?.held ?? 0
  }

  listen(backlog) {
    if (this.binding === null) this.bind(core.ANY_V4, 0)
    this.binding.listen()
    const { binding, localAddress, localPort } = this
    const most = Math.min(Math.max(backlog, 1), LIMITS.backlog)
    this.stack.endpoints.delete(this)
    return Object.assign(new Listener(this.stack), { binding, localAddress, localPort, backlog: most })
  }

  connect(address, port) {
    const where = { address: `${address}`, port }
    if (address.family === 6) throw new NetError('EAFNOSUPPORT', 'connect', where)
    if (this.state !== 'CLOSED' || this.error !== null) throw new NetError('EISCONN', 'connect', where)
    const source = this.stack.sourceFor(address)
    if (source === null) throw new NetError('ENETUNREACH', 'connect', where)
    if (this.binding === null) this.bind(source, 0)
    if (this.localAddress.isUnspecified) this.localAddress = source
    Object.assign(this, { remoteAddress: address, remotePort: port })
    const listener = this.stack.listenerAt(address, port)
    // Nothing of this reaches anybody before connect() has returned: raise() only queues.
    if (listener === null || listener.waiting.length === listener.backlog) this.fail('ECONNREFUSED', 'connect')
    else listener.add(this, new Socket(this.stack))
  }

  established(peer) {
    this.peer = peer
    this.state = 'ESTABLISHED'
    this.raise(WRITABLE)
  }

  read(into, offset, length) {
    let at = offset
    const bytes = (memory, from, count) => {
      into.set(memory.subarray(from, from + count), at)
      at += count
      return true
    }
    return this.lend(length, { bytes })
  }

  lend(max, sink) {
    if (this.held === 0) return this.hasEnd ? END : this.error !== null ? FAILED : WOULD_BLOCK
    let given = 0
    let wanted = true
    while (wanted && given < max && this.pieces.length > 0) {
      const [piece] = this.pieces
      const count = Math.min(piece.length, max - given)
      if (count === piece.length) this.pieces.shift()
      else this.pieces[0] = piece.subarray(count)
      given += count
      wanted = sink.bytes(piece, 0, count)
    }
    this.held -= given
    if (this.held === 0 && !this.hasEnd && this.error === null) this.lower(READABLE)
    if (this.held <= LIMITS.sendBuffer / 2 && this.peer?.isShut === false) this.peer.raise(WRITABLE)
    return given
  }

  write(from, offset, length) {
    if (this.error === null && this.isShut) this.fail('EPIPE', 'write')
    if (this.error === null && this.peer?.isGone) this.fail('ECONNRESET', 'write')
    if (this.error !== null) return FAILED
    if (this.peer === null) return WOULD_BLOCK
    const count = Math.min(length, this.stack.sendBuffer - this.peer.held)
    if (count < length) this.lower(WRITABLE)
    if (count <= 0) return WOULD_BLOCK
    this.peer.pieces.push(from.slice(offset, offset + count))
    this.peer.held += count
    this.peer.raise(READABLE)
    return count
  }

  shutdown() {
    if (this.isShut) return
    this.isShut = true
    if (this.peer === null) return
    this.peer.hasEnd = true
    this.peer.raise(READABLE)
    this.state = this.hasEnd ? 'CLOSED' : 'FIN-WAIT-2'
    this.peer.state = this.hasEnd ? 'CLOSED' : 'CLOSE-WAIT'
  }

  /** Unread octets are a reset for the peer, as RFC 9293 3.6.1 has it. */
  close() {
    if (this.held > 0) return this.reset()
    this.shutdown()
    this.isGone = true
    this.gone()
  }

  reset() {
    if (this.isGone) return
    this.isGone = true
    const { peer } = this
    Object.assign(this, { peer: null, state: 'CLOSED', pieces: [], held: 0 })
    if (peer !== null && !peer.isGone && peer.error === null) peer.fail('ECONNRESET', 'read')
    this.gone()
  }

  fail(code, syscall) {
    this.error = new NetError(code, syscall, { address: `${this.remoteAddress}`, port: this.remotePort })
    Object.assign(this, { peer: null, state: 'CLOSED' })
    this.raise(READABLE | WRITABLE | ERROR)
  }
}

/** 5. The stack: its sockets, its addresses, and tables that it does not have. */
class LoopbackStack {
  backend = 'loopback'
  capabilities = capabilities
  endpoints = new Set()
  nameServers = []
  searchDomains = []
  lingering = 0
  interfaces = []
  isClosed = false
  routes = { list: () => [], add: () => refuse('route'), remove: () => refuse('route') }
  neighbors = { list: () => [], add: () => refuse('neighbour'), remove: () => refuse('neighbour') }

  constructor({ name = '', scheduler, ports, limits = {} }) {
    Object.assign(this, { name, scheduler, limits: { ...LIMITS, ...limits } })
    this.ports = ports ?? core.createPortTable(scheduler.random)
    this.sendBuffer = this.limits.sendBuffer
    this.closed = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  async addInterface({
    link,
    name = `eth${this.interfaces.length}`,
    mac = core.randomMac(this.scheduler.random),
    addresses = [],
    dhcp,
  }) {
    if (dhcp) refuse('DHCP')
    const entries = addresses.map(core.parseCidr)
    for (const { address } of entries) if (address.family === 6) throw new NetError('EAFNOSUPPORT', 'address')
    // It takes what comes and sends nothing: whoever looks at the network finds nobody.
    link.attach({ accepts: core.NO_OFFLOAD, frames() {}, writable() {}, changed() {} })
    const plug = {
      ...{ index: this.interfaces.length + 1, name, mac, mtu: link.mtu, link, addresses: entries },
      addAddress: async (address, prefixLength) => void entries.push({ address, prefixLength }),
      removeAddress: (address) => {
        const place = entries.findIndex((entry) => entry.address.equals(address))
        if (place < 0) throw new NetError('EADDRNOTAVAIL', 'address', { address: `${address}` })
        entries.splice(place, 1)
      },
      remove: async () => {
        this.interfaces.splice(this.interfaces.indexOf(plug), 1)
        await link.close()
      },
    }
    this.interfaces.push(plug)
    return plug
  }

  owns(address) {
    return (
      address.isLoopback ||
      this.interfaces.some(({ addresses }) => addresses.some((own) => own.address.equals(address)))
    )
  }

  sourceFor(destination) {
    return this.owns(destination) ? destination : null
  }

  listenerAt(address, port) {
    for (const endpoint of this.endpoints) {
      if (!(endpoint instanceof Listener) || endpoint.localPort !== port) continue
      if (endpoint.localAddress.isUnspecified || endpoint.localAddress.equals(address)) return endpoint
    }
    return null
  }

  openTcp(family) {
    if (this.isClosed) throw new NetError('ENETDOWN', 'socket')
    if (family === 6) throw new NetError('EAFNOSUPPORT', 'socket')
    if (this.endpoints.size >= this.limits.sockets) throw new NetError('EMFILE', 'socket')
    return new Socket(this)
  }

  openUdp() {
    return refuse('UDP')
  }

  async ping() {
    return refuse('ping')
  }

  counters() {
    return { sockets: this.endpoints.size }
  }

  sockets() {
    return [...this.endpoints].map((endpoint) => ({ endpoint, transport: 'tcp', state: endpoint.state }))
  }

  flush() {
    return true
  }

  async close() {
    if (this.isClosed) return this.closed
    this.isClosed = true
    for (const endpoint of [...this.endpoints]) endpoint.close()
    await Promise.all(this.interfaces.map(({ link }) => link.close()))
    this.settle()
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }
}

/** 6. The backend: what `-l` loads. */
export const backend = {
  name: 'loopback',
  license: 'MIT',
  capabilities,
  probe: async () => ({ usable: true, tried: [], version: '1' }),
  async createStack({ interfaces, settings = {}, ...options }) {
    for (const name of Object.keys(settings)) throw new NetError('EINVAL', 'stack', { message: `no setting "${name}"` })
    const stack = new LoopbackStack(options)
    for (const plug of interfaces) await stack.addInterface(plug)
    return stack
  },
}

/** 7. Tests of the suite that it fails, and why. They are run, and must fail: once one passes, its line has to go. */
const reason = 'it reaches nobody but itself'
export const deviations = [
  { test: 'close with open sockets: each is closed, the peer sees the end', reason },
  { test: 'P-11 a closed stack holds no memory, no timer, no port and no process', reason },
  { test: 'an address that somebody has: EADDRINUSE', reason: 'it asks nobody whether an address is free' },
  { test: 'several stacks in one thread, each with port 80', reason },
  { test: 'the limit of the send buffer holds', reason },
]
