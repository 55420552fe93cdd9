/**
 * The TypeScript stack behind the armour.
 *
 * @module
 */
import type { Backend, Link } from '@ioth/core'
import { armour } from '@ioth/core/armour'
import { backend } from '@ioth/stack-ts'

const NO_LIMIT = { burst: 1_000_000, perSecond: 1_000_000 }

export const armoured: Backend = {
  ...backend,
  createStack(options) {
    const { scheduler } = options
    const dress = (link: Link): Link =>
      armour(link, { scheduler, routerAdvertisements: true, syns: NO_LIMIT, neighbors: NO_LIMIT })
    const interfaces = options.interfaces.map((plug) => ({ ...plug, link: dress(plug.link as Link) }))
    return backend.createStack({ ...options, interfaces })
  },
}
