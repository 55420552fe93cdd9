/**
 * Functions that C code calls.
 *
 * An exception must not go through frames of C: it is kept, the C code gets a fallback value, and the exception reaches the host as an
 * uncaught one. Called from another thread, a callback makes that thread wait until this one runs the event loop.
 *
 * @module
 */
import { koffi } from './koffi.ts'

/** Callbacks that live and end together, as those of a stack. */
export class Callbacks {
  private readonly pointers: bigint[] = []

  /**
   * Makes a function that C code can call, until {@link release}.
   * @param type its C type, `int (void *, int)`.
   * @param fallback what C gets when the function throws.
   * @returns a function pointer.
   */
  add<A extends unknown[], R>(type: string, callback: (...args: A) => R, fallback: R): bigint {
    const { pointer, proto, register } = koffi()
    const guarded = (...args: A): R => {
      try {
        return callback(...args)
      } catch (error) {
        setImmediate(() => {
          throw error
        })
        return fallback
      }
    }
    const made = register(guarded, pointer(prototypeOf(type, proto)))
    this.pointers.push(made)
    return made
  }

  /** How many there are. */
  get size(): number {
    return this.pointers.length
  }

  /** Gives all of them back: C code must not call them any more. Idempotent. */
  release(): void {
    for (const pointer of this.pointers.splice(0)) koffi().unregister(pointer)
  }
}

type Prototype = ReturnType<ReturnType<typeof koffi>['proto']>

const prototypes = new Map<string, Prototype>()

/** koffi wants a name for each prototype, a different one for each. */
function prototypeOf(type: string, proto: (definition: string) => Prototype): Prototype {
  let prototype = prototypes.get(type)
  if (prototype === undefined) {
    prototype = proto(type.replace('(', ` ioth_callback_${prototypes.size}(`))
    prototypes.set(type, prototype)
  }
  return prototype
}
