/**
 * The DHCP client of a library: the keeper of leases on a station's frames.
 *
 * @module
 */
import type { Interface, StackEvent } from '../contract/stack.ts'
import { type LeasedStack, LeaseKeeper } from '../services/dhcp/lease-keeper.ts'
import type { Station } from './station.ts'

/**
 * Makes the keeper of an interface's lease: `start()` settles with the first one, `stop()` gives it back. The address is made ours by
 * `on.addAddress`, which is to ask the station; routes, name servers and search domains go to the stack.
 * @param emit tells of leases and routers.
 */
export function leaseOnStation(
  station: Station,
  stack: LeasedStack,
  on: Interface,
  emit: (event: StackEvent) => void,
): LeaseKeeper {
  const keeper = new LeaseKeeper(
    stack,
    on,
    {
      name: station.name,
      listen: (isOn) => {
        station.dhcp = isOn ? { take: (packet, from) => keeper.take(packet, from, false) } : null
      },
      transmit: (packet, to) => station.transmit(packet, to),
      dropped: (reason) => station.dropped(reason),
    },
    emit,
  )
  return keeper
}
