/**
 * Which network a handle belongs to: the explicit choice of its socket or server, else the scope that runs, else the
 * process's own stack, else the host.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Stack } from '@ioth/core'

/** A stack, or null: the host's network. */
export type Choice = Stack | null

export class Choices {
  /** The network of every socket of the process that belongs to no other one. */
  processChoice: Choice = null

  /** Called before the first scope begins. */
  onFirstScope: (() => void) | null = null

  private readonly explicit = new WeakMap<object, Choice>()
  private scopes: AsyncLocalStorage<Choice> | null = null
  private creating: Choice | undefined = undefined
  private resolving: Choice | undefined = undefined

  /** Fixes the network of a socket or server. */
  choose(owner: object, choice: Choice): void {
    this.explicit.set(owner, choice)
  }

  /** The explicit choice of a socket or server; undefined when none was made. */
  chosen(owner: object): Choice | undefined {
    return this.explicit.get(owner)
  }

  /** The network of code that makes no explicit choice. */
  get current(): Choice {
    const scoped = this.scopes?.getStore()
    return scoped !== undefined ? scoped : this.processChoice
  }

  /** The network of the scope that runs, where it is another than the process's; undefined: no such scope. */
  get foreign(): Choice | undefined {
    const scoped = this.scopes?.getStore()
    return scoped === this.processChoice ? undefined : scoped
  }

  /** The network of a handle that is about to be used. */
  forOwner(owner: object | null | undefined): Choice {
    if (owner !== null && owner !== undefined) {
      const choice = this.explicit.get(owner)
      if (choice !== undefined) return choice
      // What was chosen for an object while it was being made stays its choice.
      if (this.creating !== undefined) this.explicit.set(owner, this.creating)
    }
    return this.creating !== undefined ? this.creating : this.current
  }

  /** The network for which a name is being looked up. */
  get forLookup(): Choice {
    return this.resolving !== undefined ? this.resolving : this.current
  }

  /** Runs `run` with `choice` for every socket that it opens, now or later, without an explicit choice of its own. */
  runIn<T>(choice: Choice, run: () => T): T {
    // Made on first use: on Node 20 a storage in use has a cost for every promise of the process.
    if (this.scopes === null) {
      this.scopes = new AsyncLocalStorage()
      this.onFirstScope?.()
    }
    return this.scopes.run(choice, run)
  }

  /**
   * Runs a synchronous function of Node's that makes a socket for the given network: handles that have no owner yet, and the
   * socket that starts to connect, belong to it. Only for functions that call no user code before that.
   */
  whileCreating<T>(choice: Choice | undefined, create: () => T): T {
    const before = this.creating
    this.creating = choice
    try {
      return create()
    } finally {
      this.creating = before
    }
  }

  /** A socket starts to connect: one that is being made for a network belongs to it from now on. */
  whileConnecting<T>(socket: object, connect: () => T): T {
    if (this.creating !== undefined && !this.explicit.has(socket)) this.explicit.set(socket, this.creating)
    // Code of the program that runs inside (a look-up, a diagnostics subscriber) is not what is being made.
    return this.whileCreating(undefined, () => this.whileResolving(this.explicit.get(socket), connect))
  }

  /** Runs a synchronous function of Node's whose name look-ups are for a socket of the given network; undefined: of none in particular. */
  whileResolving<T>(choice: Choice | undefined, run: () => T): T {
    const before = this.resolving
    this.resolving = choice
    try {
      return run()
    } finally {
      this.resolving = before
    }
  }
}
