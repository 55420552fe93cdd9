/**
 * The neighbours of a stack as its contract lists them: those that were heard of beside its devices. None can be added or taken out.
 *
 * @module
 */
import { formatMac, type Interface, type Neighbor, NetError, type Table } from '@ioth/core'
import type { NeighborProbe } from './neighbor-probe.ts'

/** The interfaces of a stack, with the probe of each that has a device. */
type Probes = () => Iterable<readonly [Interface, NeighborProbe | undefined]>

export class ProbedNeighbors implements Table<Neighbor> {
  private readonly probes: Probes

  constructor(probes: Probes) {
    this.probes = probes
  }

  *list(): Iterable<Readonly<Neighbor>> {
    for (const [on, probe] of this.probes()) {
      for (const { address, mac } of probe?.list() ?? []) {
        yield { address, mac: formatMac(mac), state: 'REACHABLE', interface: on }
      }
    }
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED */
  add(): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'neighbor')
  }

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED */
  remove(): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'neighbor')
  }
}
