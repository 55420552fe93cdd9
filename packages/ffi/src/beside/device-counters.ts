/**
 * Counters of devices that are bridged to links, as a stack tells them.
 *
 * @module
 */
import type { BridgeCounters } from './frame-bridge.ts'

/** A device's own counters, by the names that a stack tells. */
type Named = Readonly<Record<string, number>>

/** What is counted at one device: by its bridge, and by itself. */
export interface DeviceCount {
  readonly bridge: BridgeCounters
  readonly own: Named
}

/** The sum over all devices, by name. */
export function sumOfDevices(devices: Iterable<DeviceCount>): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const { bridge, own } of devices) {
    for (const [name, count] of Object.entries({ ...named(bridge), ...own })) sum[name] = (sum[name] ?? 0) + count
  }
  return sum
}

function named({ framesIn, framesOut, dropLibraryFull, dropNoRoom, dropTooLong }: BridgeCounters): Named {
  return {
    'frames.in': framesIn,
    'frames.out': framesOut,
    'drop.link.library-full': dropLibraryFull,
    'drop.link.no-room': dropNoRoom,
    'drop.link.too-long': dropTooLong,
  }
}
