/**
 * `ioth nc`: standard input and output joined to a connection or to datagrams of the network, as nc(1) does it.
 *
 * @module
 */
import { type Connection, type Datagram, hasCode, type IpAddress, listen, openDatagram, type Stack } from '@ioth/core'
import { connect, toDuplex } from '@ioth/core/node'
import { EXIT, Failure } from '../failure.ts'
import { joinTowards, near } from '../network/find-target.ts'
import { joinNetwork } from '../network/join.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { say } from '../output.ts'

export interface NcOptions {
  readonly listen?: boolean
  readonly udp?: boolean
  /** Go on listening after a connection. */
  readonly keep?: boolean
  /** Only look whether the port is open. */
  readonly zero?: boolean
  /** Seconds of silence after which it ends; of waiting for a connection, too. */
  readonly wait?: number
  readonly verbose?: boolean
}

/** After the end of standard input nobody knows whether more datagrams come: so long is waited, in seconds. */
const LAST_DATAGRAM_SECONDS = 1

/** @param words `[ADDRESS] PORT` */
export async function nc(words: readonly string[], options: NcOptions, settings: NetworkSettings): Promise<void> {
  const port = Number(words.at(-1))
  if (!/^\d+$/.test(words.at(-1) ?? '') || port > 65535 || (port === 0 && !options.listen)) {
    throw new Failure(EXIT.usage, `"${words.at(-1) ?? ''}" is no port. Type for example: ioth nc 10.40.0.32 80`)
  }
  const [target] = words.slice(0, -1)
  if (options.listen === true) {
    if (words.length > 2) {
      const said = `with --listen there is an address of ours at most, and a port: ${words.join(' ')}`
      throw new Failure(EXIT.usage, `${said}. A backend is chosen by --library: ioth nc --library lwipv6 --listen 7000`)
    }
    await using stack = await joinNetwork(settings, { name: 'ioth-nc', ...near(null, settings) })
    if (options.udp === true && stack.capabilities.udp !== 'full') {
      const said = `the stack "${stack.backend}" hears no datagrams but those of one peer (udp: ${stack.capabilities.udp})`
      throw new Failure(EXIT.unavailable, `${said}. Listen with another: ioth nc --library ts --udp --listen ${port}`)
    }
    if (options.udp === true) await takeDatagrams(stack, port, options)
    else await accept(stack, port, options)
    return
  }
  if (target === undefined) {
    throw new Failure(EXIT.usage, 'there is no address. Type: ioth nc 10.40.0.32 80, or to listen: ioth nc --listen 80')
  }
  const { stack, address } = await joinTowards(target, settings, 'ioth-nc')
  await using _stack = stack
  try {
    if (options.udp === true) await exchangeDatagrams(stack, address, port, options)
    else await converse(stack, address, port, options)
  } catch (error) {
    throw explain(error, target, port)
  }
}

async function converse(stack: Stack, host: IpAddress, port: number, options: NcOptions): Promise<void> {
  const stream = connect(stack, { host, port, allowHalfOpen: true })
  const patience = options.wait === undefined ? undefined : options.wait * 1000
  await new Promise<void>((settle, reject) => {
    stream.once('connect', settle).once('error', reject)
    if (patience !== undefined)
      stream.setTimeout(patience, () => stream.destroy(new Error(`no answer within ${options.wait} s`)))
  })
  if (options.verbose === true) say(`connected to ${host} port ${port}`)
  if (options.zero === true) {
    if (options.verbose !== true) say(`${host} port ${port} is open`)
    stream.end()
    stream.destroy()
    return
  }
  await carry(stream)
}

async function accept(stack: Stack, port: number, options: NcOptions): Promise<void> {
  await using listener = listen(stack, { port })
  const [plug] = stack.interfaces
  say(`listening on ${plug?.addresses[0]?.address ?? ''} port ${listener.port}`)
  do {
    const connection: Connection = await listener.accept()
    if (options.verbose === true) say(`connection from ${connection.remoteAddress} port ${connection.remotePort}`)
    await carry(toDuplex(connection, { allowHalfOpen: true }))
  } while (options.keep === true)
}

/** Standard input to the stream, the stream to standard output, until the peer has ended. */
async function carry(stream: NodeJS.ReadWriteStream & { destroy(): unknown }): Promise<void> {
  const { stdin, stdout } = process
  stdin.pipe(stream)
  stream.pipe(stdout, { end: false })
  try {
    await new Promise<void>((settle, reject) => {
      stream.once('end', settle).once('error', reject)
    })
  } finally {
    stdin.unpipe(stream)
    stdin.pause()
    if (!stdin.readableEnded) (stdin as { unref?(): void }).unref?.()
    stream.end()
  }
}

async function exchangeDatagrams(stack: Stack, host: IpAddress, port: number, options: NcOptions): Promise<void> {
  await using socket = openDatagram(stack, { family: host.family })
  socket.connect({ host, port })
  const over = new AbortController()
  let last: NodeJS.Timeout | undefined
  const sending = sendInput(async (octets) => {
    await socket.send(octets)
  }).then(() => {
    last = setTimeout(() => over.abort(), (options.wait ?? LAST_DATAGRAM_SECONDS) * 1000)
  })
  try {
    await printDatagrams(() => socket.receive({ signal: over.signal }), over.signal)
    await sending
  } finally {
    clearTimeout(last)
  }
}

async function takeDatagrams(stack: Stack, port: number, options: NcOptions): Promise<void> {
  await using socket = openDatagram(stack, { port })
  say(`listening on ${stack.interfaces[0]?.addresses[0]?.address ?? ''} port ${socket.port} (udp)`)
  const over = new AbortController()
  let peer: Datagram | null = null
  const wait = options.wait
  let silence: NodeJS.Timeout | undefined
  const touch = (): void => {
    if (wait === undefined) return
    clearTimeout(silence)
    silence = setTimeout(() => over.abort(), wait * 1000)
  }
  void sendInput(async (octets) => {
    if (peer !== null) await socket.send(octets, { host: peer.address, port: peer.port })
  }).catch(() => {})
  await printDatagrams(async () => {
    touch()
    peer = await socket.receive({ signal: over.signal })
    return peer
  }, over.signal)
}

async function printDatagrams(next: () => Promise<Datagram>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      process.stdout.write((await next()).data)
    } catch (error) {
      if (!over.aborted) throw error
    }
  }
}

async function sendInput(send: (octets: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of process.stdin) await send(chunk as Uint8Array)
}

function explain(error: unknown, target: string, port: number): unknown {
  if (!(error instanceof Error)) return error
  const next = hasCode(error, 'ECONNREFUSED')
    ? `Nothing listens there; ask the node itself with: ioth ping ${target}`
    : 'See who is on the network with: ioth ps'
  return new Failure(EXIT.unavailable, `${target} port ${port}: ${error.message}. ${next}`, { cause: error })
}
