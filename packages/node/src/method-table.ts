/**
 * Replaces methods of one of Node's native classes, once: each asks whether the handle belongs to a stack, and is the native one when not.
 *
 * @module
 */
import type { Methods } from './native.ts'

type Native<Handle> = (this: Handle, ...args: never[]) => unknown

export interface MethodTableOptions<Handle, Side> {
  /** The stack's side of a handle; null: the host's; undefined: not decided yet. */
  readonly stateOf: (handle: Handle) => Side | null | undefined
  /** Decides, at the first call that needs a network, which one a handle belongs to; null: the host's. */
  readonly decide: (handle: Handle) => Side | null
  /** The same for a handle that is about to connect, where it was decided before as well: its destination may be the host's. */
  readonly decideConnecting?: (handle: Handle, request: never, address: string, port: number) => Side | null
  /** A handle of the host's is about to close. */
  readonly closingNative?: (handle: Handle) => void
}

export class MethodTable<Handle extends object, Side extends object> {
  private readonly prototype: Methods
  private readonly options: MethodTableOptions<Handle, Side>

  constructor(prototype: object, options: MethodTableOptions<Handle, Side>) {
    this.prototype = prototype as Methods
    this.options = options
  }

  /** A method of handles that are decided already. */
  route(name: string, virtual: (side: Side, a: never, b: never, c: never, d: never) => unknown): void {
    const { stateOf } = this.options
    this.replace(
      name,
      (native) =>
        function (this: Handle, a, b, c, d) {
          const side = stateOf(this)
          if (side) return virtual(side, a, b, c, d)
          // Native methods may insist on the number of their arguments.
          // biome-ignore lint/complexity/noArguments: an array of them would be made for handles of stacks as well
          return Reflect.apply(native, this, arguments)
        },
    )
  }

  /** A method that needs to know the network. */
  decided(name: string, virtual: (side: Side, ...args: never[]) => unknown): void {
    const { stateOf, decide } = this.options
    this.replace(
      name,
      (native) =>
        function (this: Handle, ...args: never[]) {
          const state = stateOf(this)
          const side = state === undefined ? decide(this) : state
          return side === null ? Reflect.apply(native, this, args) : virtual(side, ...args)
        },
    )
  }

  /** A method that connects: request, address, port. */
  connecting(name: string, virtual: (side: Side, ...args: never[]) => unknown): void {
    const { decideConnecting } = this.options
    this.replace(
      name,
      (native) =>
        function (this: Handle, ...args: never[]) {
          const side = decideConnecting?.(this, ...(args as unknown as [never, string, number])) ?? null
          return side === null ? Reflect.apply(native, this, args) : virtual(side, ...args)
        },
    )
  }

  /** A method whose effect the native handle keeps too. */
  both(name: string, virtual: (side: Side) => void): void {
    const { stateOf } = this.options
    this.replace(
      name,
      (native) =>
        function (this: Handle) {
          const side = stateOf(this)
          if (side) virtual(side)
          return native.call(this)
        },
    )
  }

  /** An accessor, inherited or not. */
  accessor(name: string, virtual: (side: Side) => unknown): void {
    const { stateOf } = this.options
    const native = inheritedGetter(this.prototype, name)
    Object.defineProperty(this.prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: Handle) {
        const side = stateOf(this)
        return side ? virtual(side) : native.call(this)
      },
    })
  }

  /** The native `close`, which calls back in libuv's closing phase; handles of a stack get the other one. */
  close(virtual: (side: Side, done?: () => void) => void): (handle: Handle, done: (() => void) | undefined) => void {
    const native = this.prototype.close as unknown as (this: Handle, done?: () => void) => void
    const { stateOf, closingNative } = this.options
    this.replace(
      'close',
      () =>
        function (this: Handle, done?: () => void) {
          const side = stateOf(this)
          if (side) return virtual(side, done)
          if (side === null) closingNative?.(this)
          return native.call(this, done)
        } as Native<Handle>,
    )
    return (handle, done) => native.call(handle, done)
  }

  private replace(name: string, make: (native: Native<Handle>) => Native<Handle>): void {
    const native = this.prototype[name] as Native<Handle> | undefined
    // Some methods are of newer versions of Node.
    if (native === undefined) return
    const method = make(native)
    Object.defineProperty(method, 'name', { value: name, configurable: true })
    Object.defineProperty(this.prototype, name, { value: method, writable: true, configurable: true, enumerable: true })
  }
}

function inheritedGetter(prototype: object, name: string): () => unknown {
  for (let level = prototype; level !== null; level = Object.getPrototypeOf(level)) {
    const descriptor = Object.getOwnPropertyDescriptor(level, name)
    if (descriptor?.get !== undefined) return descriptor.get
  }
  return () => undefined
}
