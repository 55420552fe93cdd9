/**
 * The module `null://`: a network on which nobody else is. What is sent to it is gone.
 *
 * @module
 */
import { FULL_OFFLOAD, type Link, NetError, releaseFrame } from '@ioth/core'

export function openNull(name: string, mtu: number): Link {
  let state: Link['state'] = 'up'
  let attached = false
  return {
    type: 'ethernet',
    mtu,
    name,
    offload: FULL_OFFLOAD,
    get state() {
      return state
    },
    attach() {
      if (attached) throw new NetError('EINVAL', 'attach', { message: `${name} has a taker already` })
      attached = true
    },
    send(batch) {
      for (let index = 0; index < batch.count; index++) releaseFrame(batch, index)
      return batch.count
    },
    flush: () => true,
    async close() {
      state = 'closed'
    },
  }
}
