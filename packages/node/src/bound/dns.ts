/**
 * `node:dns` for a stack: `lookup` by the rules of `lookup.ts`; `resolve*`, `reverse` and `Resolver` by those of `queries.ts`, with a
 * resolver of the stack's own in the place of Node's default one.
 *
 * @module
 */
import type dns from 'node:dns'
import { type Binding, value } from './binding.ts'

type Exports = Record<string, unknown>
type AnyFunction = (...args: never[]) => unknown
interface Replacements {
  /** The resolver behind the functions of the module. */
  readonly own: Exports
  readonly replaced: Record<string, PropertyDescriptor>
}

type ResolverClass = new (...args: never[]) => object

export function boundDns(binding: Binding): typeof dns {
  const node = process.getBuiltinModule('node:dns')
  const callbacks = replacements(binding, node, null)
  const promises = binding.module(node.promises, replacements(binding, node.promises, callbacks.own).replaced)
  return binding.module(node, { ...callbacks.replaced, promises: value(promises) })
}

/** @param other whose servers are ours too, as those of `dns` are those of `dns.promises`. */
function replacements(binding: Binding, original: object, other: Exports | null): Replacements {
  const exports = original as Exports
  const BoundResolver = binding.channel(exports.Resolver as ResolverClass)
  const own = new BoundResolver() as Exports
  if (other !== null) own._handle = other._handle
  const replaced: Record<string, PropertyDescriptor> = {
    lookup: value(binding.resolver(exports.lookup as AnyFunction)),
    lookupService: value(binding.resolver(exports.lookupService as AnyFunction)),
    Resolver: value(BoundResolver),
  }
  for (const name of Object.keys(exports)) {
    if (!/^(resolve|reverse$|[gs]etServers$)/.test(name)) continue
    replaced[name] = value((own[name] as AnyFunction).bind(own))
  }
  return { own, replaced }
}
