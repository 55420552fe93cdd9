/**
 * What the bound modules share: classes and functions of Node's that make their objects for one stack, and modules with every export.
 *
 * @module
 */
import type { Stack } from '@ioth/core'
import type { Choices } from '../choices.ts'
import { type Dispatcher, dispatcherFor } from '../dispatchers.ts'

type Constructor = abstract new (...args: never[]) => object
type AnyFunction = (...args: never[]) => unknown

export class Binding {
  readonly stack: Stack
  private readonly choices: Choices

  constructor(stack: Stack, choices: Choices) {
    this.stack = stack
    this.choices = choices
  }

  /** Whether an object was made for this stack. */
  owns(made: object): boolean {
    return this.choices.chosen(made) === this.stack
  }

  /** The same function; a socket that it makes and connects belongs to the stack. */
  maker<F extends AnyFunction>(make: F): F {
    const { choices, stack } = this
    return function (this: unknown, ...args: never[]): unknown {
      return choices.whileCreating(stack, () => make.apply(this, args))
    } as F
  }

  /** The same function; the server that it makes belongs to the stack. */
  factory<F extends AnyFunction>(make: F): F {
    const { choices, stack } = this
    return function (this: unknown, ...args: never[]): unknown {
      const made = make.apply(this, args) as object
      choices.choose(made, stack)
      return made
    } as F
  }

  /** The same function; the names that it looks up are looked up for the stack. */
  resolver<F extends AnyFunction>(resolve: F): F {
    const { choices, stack } = this
    return function (this: unknown, ...args: never[]): unknown {
      return choices.whileResolving(stack, () => resolve.apply(this, args))
    } as F
  }

  /**
   * The same class; its objects, and those of classes derived from it, belong to the stack. They are instances of Node's class.
   * @param call what a call without `new` runs on an object that exists (`net.Server.call(this)`, as older programs inherit).
   */
  class<C extends Constructor>(
    base: C,
    call: unknown = base,
    prepare: (args: never[]) => unknown[] = (args) => args,
  ): C {
    const { choices, stack } = this
    const bound: C = new Proxy(base, {
      construct(target, args, newTarget) {
        const made = choices.whileCreating(stack, () =>
          Reflect.construct(target, prepare(args as never[]), newTarget === bound ? target : newTarget),
        )
        choices.choose(made, stack)
        return made
      },
      apply(target, self: unknown, args) {
        if (!(self instanceof target)) return Reflect.construct(bound, args)
        choices.choose(self, stack)
        return Reflect.apply(call as (this: unknown, ...args: unknown[]) => unknown, self, prepare(args as never[]))
      },
    })
    return bound
  }

  /** Runs a function of undici's with the stack's agent; with null, in a scope of the stack, where Node's agents are out of reach. */
  dispatching<T>(run: (dispatcher: Dispatcher | null) => T): T {
    const { choices, stack } = this
    const dispatcher = dispatcherFor(choices, stack)
    return dispatcher === null ? choices.runIn(stack, () => run(null)) : run(dispatcher)
  }

  /** The same class of `node:dns`; the queries of its objects go through the stack. */
  channel<C extends new (...args: never[]) => object>(base: C): C {
    const { choices, stack } = this
    return new Proxy(base, {
      construct(target, args, newTarget) {
        const made: { _handle?: object } = Reflect.construct(target, args, newTarget)
        if (made._handle !== undefined) choices.choose(made._handle, stack)
        return made
      },
    })
  }

  /** A module with every export of Node's, some of them replaced. */
  module<M extends object>(original: M, replaced: Readonly<Record<string, PropertyDescriptor>>): M {
    const module = Object.defineProperties({}, Object.getOwnPropertyDescriptors(original)) as M
    for (const [name, descriptor] of Object.entries(replaced)) {
      // What this version of Node does not export is left out.
      if (name in original) Object.defineProperty(module, name, descriptor)
    }
    return module
  }
}

/** An ordinary export. */
export function value(exported: unknown): PropertyDescriptor {
  return { value: exported, writable: true, configurable: true, enumerable: true }
}
