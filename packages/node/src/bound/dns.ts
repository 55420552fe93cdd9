/**
 * `node:dns` for a stack. `lookup` asks the host's resolver (`getaddrinfo`: hosts file and name service), except for `localhost`, which
 * is the stack's own. What speaks DNS by itself (`resolve`, `Resolver`) would do so on the host's network: it is refused.
 *
 * @module
 */
import type dns from 'node:dns'
import { NetError } from '@ioth/core'
import { type Binding, value } from './binding.ts'

type Exports = Record<string, unknown>

export function boundDns(binding: Binding): typeof dns {
  const node = process.getBuiltinModule('node:dns')
  const promises = binding.module(node.promises, replacements(binding, node.promises))
  return binding.module(node, { ...replacements(binding, node), promises: value(promises) })
}

function replacements(binding: Binding, original: object): Record<string, PropertyDescriptor> {
  const exports = original as Exports
  const replaced: Record<string, PropertyDescriptor> = {
    lookup: value(binding.resolver(exports.lookup as (...args: never[]) => unknown)),
    getServers: value(() => binding.stack.nameServers.map(String)),
  }
  for (const name of Object.keys(exports)) {
    if (!/^(resolve|reverse$|Resolver$|setServers$)/.test(name)) continue
    function refuse(): never {
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name, {
        message: `dns.${name}() on a stack is not available yet: use dns.lookup(), which asks the host's resolver`,
      })
    }
    replaced[name] = value(
      name === 'Resolver'
        ? class {
            constructor() {
              refuse()
            }
          }
        : refuse,
    )
  }
  return replaced
}
