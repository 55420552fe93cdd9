/**
 * The TypeScript stack as a library in C is used: without conflict detection and DHCP of its own, behind a station that has both.
 *
 * @module
 */
import { type Backend, type Interface, type Link, NetError, parseCidr, randomMac, type Stack } from '@ioth/core'
import { createStation, leaseOnStation, type Station } from '@ioth/core/station'
import { backend } from '@ioth/stack-ts'

const NO_LIMIT = { burst: 1_000_000, perSecond: 1_000_000 }

export const stationed: Backend = {
  ...backend,
  async createStack(options) {
    const { scheduler, pool, onEvent } = options
    const [plug] = options.interfaces
    if (plug === undefined) return backend.createStack(options)
    const mac = plug.mac ?? randomMac(scheduler.random)
    let on: Interface | null = null
    const station: Station = createStation(plug.link as Link, {
      scheduler,
      pool,
      mac,
      armour: { syns: NO_LIMIT, neighbors: NO_LIMIT },
      onConflict: (address, other, isLost) => {
        if (on === null) return
        onEvent?.({ kind: 'address-conflict', interface: on, address, mac: other })
        if (!isLost) return
        on.removeAddress(address)
        keeper.conflict(address)
      },
    })
    const stack = await backend.createStack({
      ...options,
      interfaces: [{ link: station, mac }],
      settings: { ...options.settings, probe: 'none' },
    })
    on = stack.interfaces[0] as Interface
    askStation(on, station)
    const counters = stack.counters.bind(stack)
    stack.counters = () => ({ ...counters(), ...station.counters() })
    const keeper = leaseOnStation(station, stack, on, (event) => onEvent?.(event))
    lease(stack, on, keeper)
    for (const text of plug.addresses ?? []) {
      const { address, prefixLength } = parseCidr(text)
      await on.addAddress(address, prefixLength)
    }
    if (plug.dhcp === true) {
      await on.dhcp?.().catch(async (reason) => {
        await stack.close()
        throw reason
      })
    }
    return stack
  },
}

/** Addresses are ours when the station says so. */
function askStation(on: Interface, station: Station): void {
  const add = on.addAddress.bind(on)
  const remove = on.removeAddress.bind(on)
  on.addAddress = async (address, prefixLength) => {
    await station.acquire(address)
    await add(address, prefixLength)
  }
  on.removeAddress = (address) => {
    station.release(address)
    remove(address)
  }
}

function lease(stack: Stack, on: Interface, keeper: ReturnType<typeof leaseOnStation>): void {
  const close = stack.close.bind(stack)
  stack.close = () => {
    keeper.stop(new NetError('ENETDOWN', 'dhcp'))
    return close()
  }
  let isRunning = false
  Object.defineProperty(on, 'lease', { get: () => keeper.lease })
  on.dhcp = async (timeoutMs = 30_000) => {
    if (isRunning) throw new NetError('EALREADY', 'dhcp')
    isRunning = true
    try {
      return await keeper.start(timeoutMs)
    } catch (error) {
      isRunning = false
      throw error
    }
  }
}
