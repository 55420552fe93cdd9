/**
 * Two real stacks beside the reference model: each call is made on both, and their answers are compared.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
  END,
  ERROR,
  FAILED,
  type Listener,
  type NetError,
  READABLE,
  type TcpSocket,
  WOULD_BLOCK,
} from '@ioth/core'
import type { Host } from '../lan/host.ts'
import { introduce } from '../lan/introduce.ts'
import type { Lan } from '../lan/lan.ts'
import type { Scene } from '../suite.ts'
import { ModelViolation } from './byte-stream.ts'
import { NetworkModel, type SocketModel } from './socket-model.ts'

const BACKLOG = 16
/** Retransmission has backed off by less than this when a cut line is mended. */
const PATIENCE_MS = { virtual: 200_000, real: 5000 }
/** What a connection that broke may say. */
const BROKEN = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

export class SocketWorld {
  readonly model: NetworkModel = new NetworkModel()
  /** What the program saw, call by call, without what may differ between stacks. */
  readonly transcript: string[] = []
  private readonly lan: Lan
  private readonly hosts: readonly Host[]
  private readonly sockets: TcpSocket[] = []
  private readonly listeners = new Map<number, Listener>()
  private readonly buffer = new Uint8Array(8192)

  /** Hosts that know each other; socket 0 listens on port 80 of b, socket 1 of a is connected to socket 2 of b. */
  static async create(scene: Scene): Promise<SocketWorld> {
    await introduce(scene.lan, scene.a, scene.b)
    const world = new SocketWorld(scene)
    await world.open(1)
    await world.bind(0, 80)
    await world.listen(0)
    await world.open(0)
    await world.connect(1, 80)
    await world.accept(0)
    return world
  }

  private constructor({ lan, a, b }: Scene) {
    this.lan = lan
    this.hosts = [a, b]
  }

  async open(host: number): Promise<void> {
    this.model.open(host)
    const { stack, address } = this.hosts[host] as Host
    this.sockets.push(stack.openTcp(address.family))
    this.note('open', 'done')
  }

  async bind(place: number, port: number): Promise<void> {
    const { model, socket } = this.at(place)
    const any = this.host(model).address.family === 4 ? ANY_V4 : ANY_V6
    this.throwsAs('bind', this.model.bind(model, port), () => socket.bind(any, port))
    await this.settle()
  }

  async listen(place: number): Promise<void> {
    const { model, socket } = this.at(place)
    this.throwsAs('listen', this.model.listen(model), () => {
      const listener = socket.listen(BACKLOG)
      this.listeners.set(place, listener)
      model.port = listener.localPort
    })
    await this.settle()
  }

  async connect(place: number, port: number): Promise<void> {
    const { model, socket } = this.at(place)
    const { address } = this.hosts[1 - model.host] as Host
    this.throwsAs('connect', this.model.connect(model, port), () => socket.connect(address, port))
    await this.settle()
  }

  async accept(place: number): Promise<void> {
    const { model } = this.at(place)
    const listener = this.listeners.get(place) as Listener
    const accepted = listener.accept()
    const mayBeGone = (client: SocketModel): boolean => client.isReset || client.isUncertain
    if (accepted === null) {
      const waiting = model.waiting.find((client) => !mayBeGone(client))
      if (waiting !== undefined) throw new ModelViolation(`accept gave nothing, ${waiting.name} waits`)
      model.waiting.length = 0
      this.note('accept', 'nothing')
      return
    }
    // Those before it in the queue may have been given up meanwhile.
    for (;;) {
      const client = model.waiting[0]
      if (client === undefined) throw new ModelViolation(`accept gave port ${accepted.remotePort}, nobody waits`)
      const { localPort } = this.socketOf(client)
      if (localPort === accepted.remotePort || !mayBeGone(client)) break
      model.waiting.shift()
    }
    const client = model.waiting[0] as SocketModel
    const expected = this.portOf(client)
    if (expected !== accepted.remotePort)
      throw new ModelViolation(`accept gave port ${accepted.remotePort}, ${client.name} with ${expected} was first`)
    this.model.accept(model, client)
    this.sockets.push(accepted)
    this.note('accept', client.name)
    await this.settle()
  }

  async write(place: number, length: number): Promise<void> {
    const { model, socket } = this.at(place)
    model.out?.produce(this.buffer, length)
    const count = socket.write(this.buffer, 0, length)
    if (count === FAILED) this.hasFailed(model, 'write')
    else if (count > 0 && count <= length) this.model.wrote(model, count)
    else if (count !== WOULD_BLOCK || socket.bytesQueued === 0)
      throw new ModelViolation(`write of ${length} octets on ${model.name} gave ${count}`)
    this.noteSound(model, 'write', count === FAILED ? 'failed' : 'done')
    await this.settle()
  }

  async read(place: number, length: number): Promise<void> {
    const { model, socket } = this.at(place)
    const stream = model.in
    if (stream === null) throw new Error(`${model.name} has no stream`)
    const count = socket.read(this.buffer, 0, length)
    const isOpen = model.isReset || model.isUncertain || this.model.isDown
    if (count > 0) stream.received(this.buffer, 0, count)
    else if (count === END) {
      if (!stream.endSeen) stream.receivedEnd()
    } else if (count === FAILED) this.hasFailed(model, 'read')
    else if (!isOpen && (stream.written > stream.read || stream.ended))
      throw new ModelViolation(`read on ${model.name} found nothing; ${stream.written - stream.read} octets are there`)
    this.noteSound(model, 'read', count > 0 ? 'octets' : `${count}`)
    await this.settle()
  }

  async shutdown(place: number): Promise<void> {
    const { model, socket } = this.at(place)
    socket.shutdown()
    this.model.shutdown(model)
    this.note('shutdown', 'done')
    await this.settle()
  }

  async close(place: number): Promise<void> {
    const { model, endpoint } = this.at(place)
    endpoint.close()
    this.model.close(model)
    this.note('close', 'done')
    await this.settle()
  }

  async reset(place: number): Promise<void> {
    const { model, socket, endpoint } = this.at(place)
    if (model.phase === 'listening') endpoint.close()
    else socket.reset()
    this.model.reset(model)
    this.note('reset', 'done')
    await this.settle()
  }

  async setOption(place: number, value: number): Promise<void> {
    const { model, socket } = this.at(place)
    socket.setOption('noDelay', value)
    model.options.set('noDelay', value)
    const kept = socket.getOption('noDelay')
    if (kept !== value) throw new ModelViolation(`noDelay of ${model.name} was set to ${value} and is ${kept}`)
    await this.settle()
  }

  async advance(milliseconds: number): Promise<void> {
    await this.lan.wait(milliseconds)
    if (this.model.isDown) this.model.downFor += milliseconds
    await this.settle()
  }

  async line(cut: boolean): Promise<void> {
    for (const host of this.hosts) host.impair({ loss: cut ? 1 : 0 })
    this.model.isDown = cut
    this.model.downFor = 0
    this.model.deliver()
    await this.settle()
  }

  /** Closes what is left, and sees that everything is gone in the end. */
  async end(): Promise<void> {
    if (this.model.isDown) await this.line(false)
    for (const [place] of this.sockets.entries()) await this.close(place)
    const left = (): string[] =>
      this.hosts.flatMap(({ name, stack }) => Array.from(stack.sockets(), ({ state }) => `${name} ${state}`))
    if (this.lan.virtual === null) return
    await this.lan.until(
      () => left().length === 0,
      3_600_000,
      () => `the end of ${left().join(', ')}`,
    )
  }

  /** Waits until the stacks agree with the model, as far as it is certain. */
  private async settle(): Promise<void> {
    if (this.model.isDown) {
      await this.lan.wait(1)
      return
    }
    const patience = this.lan.virtual === null ? PATIENCE_MS.real : PATIENCE_MS.virtual
    await this.lan.until(
      () => this.disagreement() === null,
      patience,
      () => this.disagreement() ?? 'agreement',
    )
  }

  /** The first thing in which a socket is not what the model says. */
  private disagreement(): string | null {
    for (const [place] of this.sockets.entries()) {
      const wrong = this.disagreementAt(place)
      if (wrong !== null) return wrong
    }
    return null
  }

  private disagreementAt(place: number): string | null {
    const { model, socket, endpoint } = this.at(place)
    const { name, phase } = model
    const isReadable = (endpoint.ready & READABLE) !== 0
    const hasFailed = (endpoint.ready & ERROR) !== 0
    if (phase === 'listening') {
      const certain = model.waiting.some((client) => !client.isReset && !client.isUncertain)
      if (certain && !isReadable) return `${name} to have a connection to accept`
      return model.waiting.length === 0 && isReadable ? `${name} to have nothing to accept` : null
    }
    if (phase === 'failed') return hasFailed ? null : `${name} to fail`
    if (phase !== 'connected' || model.isUncertain) return null
    if (model.isReset) return hasFailed ? null : `${name} to hear of the reset`
    if (hasFailed) return `${name} to be sound; ${endpoint.error?.message}`
    if (socket.state === 'SYN-SENT') return `${name} to be connected`
    const stream = model.in
    const due = stream !== null && (stream.written > stream.read || stream.ended)
    return due === isReadable ? null : `${name} ${due ? 'to be readable' : 'to have nothing to read'}`
  }

  private hasFailed(model: SocketModel, call: string): void {
    const { error } = this.socketOf(model)
    if (!model.isReset && !model.isUncertain)
      throw new ModelViolation(`${call} on ${model.name} failed although nothing happened: ${error?.message}`)
    if (!BROKEN.includes(error?.code ?? 'none'))
      throw new ModelViolation(`${call} on ${model.name} failed with ${error?.code}`)
    model.isReset = true
  }

  private throwsAs(call: string, expected: string | null, action: () => void): void {
    let code: string | null = null
    try {
      action()
    } catch (error) {
      code = (error as NetError).code ?? String(error)
    }
    this.note(call, code ?? 'done')
    if (code !== expected)
      throw new ModelViolation(`${call}: ${code ?? 'no error'}, the model says ${expected ?? 'none'}`)
  }

  private at(place: number): { model: SocketModel; socket: TcpSocket; endpoint: TcpSocket | Listener } {
    const model = this.model.sockets[place] as SocketModel
    const socket = this.sockets[place] as TcpSocket
    return { model, socket, endpoint: this.listeners.get(place) ?? socket }
  }

  private socketOf(model: SocketModel): TcpSocket {
    return this.sockets[this.model.sockets.indexOf(model)] as TcpSocket
  }

  /** The local port, which a closed socket may no longer tell. */
  private portOf(model: SocketModel): number {
    return this.socketOf(model).localPort
  }

  private host(model: SocketModel): Host {
    return this.hosts[model.host] as Host
  }

  private note(call: string, outcome: string): void {
    this.transcript.push(`${call} ${outcome}`)
  }

  /** What a connection that may have broken says differs from stack to stack. */
  private noteSound(model: SocketModel, call: string, outcome: string): void {
    const isCertain = !model.isReset && !model.isUncertain && !this.model.isDown
    this.note(call, isCertain ? outcome : 'one way or another')
  }
}
