/**
 * Node's own native classes, as far as the interception needs them.
 *
 * They are reached by `process.binding`, whose allow-list names each of them on Node 20, 22, 24 and 26 and which warns only under
 * `--pending-deprecation`. Nothing outside this file touches an internal that is not declared here.
 *
 * @module
 */
import net from 'node:net'
import { hasCode, NetError } from '@ioth/core'
import { compareInternals, type Difference } from './internals.ts'
import { type Binding, processBinding } from './process-binding.ts'

/** A request object of Node's (TCPConnectWrap, WriteWrap, ShutdownWrap): it is called back once. */
export interface NativeRequest {
  oncomplete?: ((status: number, ...rest: unknown[]) => void) | undefined
}

/** `req.oncomplete` of a getaddrinfo request. */
export interface LookupRequest {
  oncomplete: (error: number | null, addresses?: string[]) => void
}

/** `req.oncomplete` of a getnameinfo request. */
export interface NameRequest {
  oncomplete(error: number | null, name?: string, service?: string): void
}

/** What an instance of Node's `TCP` carries. */
export interface NativeTcp {
  onread: ((buffer?: ArrayBufferLike) => unknown) | undefined
  onconnection: ((status: number, client?: NativeTcp) => void) | null
  /** Set to true, it keeps `_http_server` from handing the handle to the parser's C++ side. */
  _consumed?: boolean
  hasRef(): boolean
  readonly [owner: symbol]: unknown
}

/** What an instance of Node's `UDP` carries. */
export interface NativeUdp {
  /** Octets, or a negative number: an error. */
  onmessage?: (octets: number, handle: NativeUdp, data?: Uint8Array, sender?: object) => void
  hasRef(): boolean
  readonly [owner: symbol]: unknown
}

/** A request to send a datagram. */
export interface SendRequest {
  oncomplete?: ((status: number, sent: number) => void) | undefined
}

/** What `bufferSize` fills in when it fails. */
export interface BufferSizeContext {
  errno?: number
  code?: string
  message?: string
  syscall?: string
}

/** Node's `JSStream`: the C++ side of a stream that JavaScript feeds. */
export interface NativeJsStream {
  onread: (buffer?: ArrayBufferLike) => unknown
  onreadstart: () => number
  onreadstop: () => number
  onwrite: (request: NativeRequest, buffers: Uint8Array[]) => number
  onshutdown: (request: NativeRequest) => number
  isClosing: () => boolean
  readBuffer(bytes: Uint8Array): void
  emitEOF(): void
  finishWrite(request: NativeRequest, status: number): void
  finishShutdown(request: NativeRequest, status: number): void
}

type Method = (this: unknown, ...args: never[]) => unknown
/** A prototype whose methods are replaced one by one. */
export type Methods = Record<string, Method>

/** Where Node's C++ and JavaScript sides exchange results of reads and writes. */
export interface StreamState {
  readonly state: Int32Array
  readonly readBytesOrError: number
  readonly arrayBufferOffset: number
  readonly bytesWritten: number
  readonly lastWriteWasAsync: number
  /** Node 26 and later: write methods make the request themselves and give it back. */
  readonly lastWriteErr: number | undefined
}

export interface Natives {
  /** How this Node's internals differ from what was seen. */
  readonly difference: Difference
  readonly TCP: { new (type: number): NativeTcp; readonly prototype: object }
  readonly UDP: { new (): NativeUdp; readonly prototype: object }
  /** Requests of streams, made where Node itself makes none. */
  readonly WriteWrap: new () => NativeRequest
  readonly ShutdownWrap: new () => NativeRequest
  /** The type of a `TCP` that connects or is accepted. */
  readonly SOCKET: number
  readonly IPV6ONLY: number
  readonly REUSEPORT: number
  readonly JSStream: new () => NativeJsStream
  readonly stream: StreamState
  readonly tlsWrap: { wrap: (handle: object, ...rest: unknown[]) => object }
  readonly cares: {
    getaddrinfo: (request: LookupRequest, hostname: string, ...rest: unknown[]) => number
    getnameinfo: (request: NameRequest, address: string, port: number) => number
    /** Speaks DNS by itself. */
    ChannelWrap: { prototype: Methods }
  }
  /** Under this symbol a handle points to its `net.Socket` or `net.Server`. */
  readonly owner: symbol
}

function binding(name: string): Binding {
  try {
    return processBinding(name)
  } catch (cause) {
    throw unsupported(name, cause)
  }
}

function unsupported(name: string, cause?: unknown): NetError {
  return new NetError('ERR_IOTH_UNSUPPORTED_NODE', 'intercept', { message: reason(name, cause), cause })
}

function reason(name: string, cause: unknown): string {
  if (hasCode(cause, 'ERR_ACCESS_DENIED')) {
    return (
      "Node's permission model is on (--permission), and it closes the internals through which ioth gives a program its own network. " +
      'Run the program without --permission.'
    )
  }
  return (
    `Node ${process.versions.node} no longer offers "${name}", on which ioth builds. ` +
    'Use Node 20, 22, 24 or 26, or a newer ioth: npm install ioth@latest'
  )
}

function demand<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw unsupported(name)
  return value
}

/**
 * Collects Node's native classes.
 * @throws NetError ERR_IOTH_UNSUPPORTED_NODE when one is missing, or when the permission model closes them.
 */
export function loadNatives(): Natives {
  const tcp = binding('tcp_wrap')
  const TCP = demand(tcp.TCP as Natives['TCP'] | undefined, 'TCP')
  const constants = demand(tcp.constants as Record<string, number> | undefined, 'TCP constants')
  const stream = binding('stream_wrap')
  const tlsWrap = binding('tls_wrap') as Binding & Natives['tlsWrap']
  const cares = binding('cares_wrap') as Binding & Natives['cares']
  demand(cares.ChannelWrap, 'cares_wrap.ChannelWrap')
  const UDP = demand(binding('udp_wrap').UDP as Natives['UDP'] | undefined, 'UDP')
  const JSStream = demand(binding('js_stream').JSStream as Natives['JSStream'] | undefined, 'JSStream')
  const difference = compareInternals(
    { TCP: TCP.prototype, UDP: UDP.prototype, JSStream: JSStream.prototype, ChannelWrap: cares.ChannelWrap.prototype },
    {
      'tls_wrap.wrap': tlsWrap.wrap,
      'cares_wrap.getaddrinfo': cares.getaddrinfo,
      'cares_wrap.getnameinfo': cares.getnameinfo,
      'net.Server._listen2': (net.Server.prototype as { _listen2?: unknown })._listen2,
      'process._tickCallback': (process as { _tickCallback?: unknown })._tickCallback,
    },
    Number(process.versions.node.split('.')[0]),
  )
  if (difference.missing.length > 0) throw unsupported(difference.missing.join('", "'))
  // An instance opens no descriptor until it binds or connects.
  const symbols = Object.getOwnPropertySymbols(new TCP(constants.SOCKET as number))
  return {
    TCP,
    difference,
    UDP,
    SOCKET: constants.SOCKET as number,
    IPV6ONLY: constants.UV_TCP_IPV6ONLY as number,
    REUSEPORT: constants.UV_TCP_REUSEPORT ?? 0,
    WriteWrap: demand(stream.WriteWrap as Natives['WriteWrap'] | undefined, 'WriteWrap'),
    ShutdownWrap: demand(stream.ShutdownWrap as Natives['ShutdownWrap'] | undefined, 'ShutdownWrap'),
    JSStream,
    stream: {
      state: demand(stream.streamBaseState as Int32Array | undefined, 'streamBaseState'),
      readBytesOrError: stream.kReadBytesOrError as number,
      arrayBufferOffset: stream.kArrayBufferOffset as number,
      bytesWritten: stream.kBytesWritten as number,
      lastWriteWasAsync: stream.kLastWriteWasAsync as number,
      lastWriteErr: stream.kLastWriteErr as number | undefined,
    },
    tlsWrap,
    cares,
    owner: demand(
      symbols.find((symbol) => symbol.description === 'owner_symbol'),
      'owner_symbol',
    ),
  }
}
