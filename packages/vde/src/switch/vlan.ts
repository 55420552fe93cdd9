/**
 * VLANs of a switch (IEEE 802.1Q): which ports belong to which, and frames with and without a tag.
 *
 * A switch without any VLAN passes tags on as they are. From the first setting on, each port belongs to one VLAN without a tag (1, unless
 * set) and to others with a tag; a frame with the tag of a VLAN that its port is not in is dropped.
 *
 * @module
 */
import { ETH_TYPE } from '@ioth/core'
import { RECORD_HEADER } from '../stream/record.ts'

/** The VLAN of ports that were not set (802.1Q 9.6). */
export const DEFAULT_VLAN = 1
/** 4095 is reserved (802.1Q table 9-2). */
export const HIGHEST_VLAN = 4_094

const ETHERTYPE_VLAN = 0x8100
const TAG_OCTETS = 4
const VID_MASK = 0xfff

/** What was set for a port's number: it holds for whichever plug has that port. */
export interface PortVlans {
  /** Frames without a tag belong to this one. */
  readonly untagged: number
  /** Frames with a tag, of these. */
  readonly tagged: ReadonlySet<number>
}

const UNSET: PortVlans = { untagged: DEFAULT_VLAN, tagged: new Set() }

export class VlanTable {
  /** VLANs that were made, beside the default one. */
  readonly created: Set<number> = new Set()
  private readonly ports = new Map<number, PortVlans>()

  /** Whether anything was set: else tags are not looked at. */
  get isUsed(): boolean {
    return this.created.size > 0 || this.ports.size > 0
  }

  of(port: number): PortVlans {
    return this.ports.get(port) ?? UNSET
  }

  /** Makes a port the access port of a VLAN. */
  setUntagged(port: number, vlan: number): void {
    this.store(port, { ...this.of(port), untagged: vlan })
  }

  addTagged(port: number, vlan: number): void {
    const { untagged, tagged } = this.of(port)
    this.store(port, { untagged, tagged: new Set([...tagged, vlan]) })
  }

  removeTagged(port: number, vlan: number): boolean {
    const { untagged, tagged } = this.of(port)
    const rest = new Set(tagged)
    const was = rest.delete(vlan)
    this.store(port, { untagged, tagged: rest })
    return was
  }

  /** Takes a VLAN away: its access ports are in the default one again. */
  remove(vlan: number): void {
    this.created.delete(vlan)
    for (const [port, { untagged, tagged }] of this.ports) {
      const rest = new Set(tagged)
      rest.delete(vlan)
      this.store(port, { untagged: untagged === vlan ? DEFAULT_VLAN : untagged, tagged: rest })
    }
  }

  /** Port numbers that anything was set for. */
  get set(): readonly number[] {
    return [...this.ports.keys()].sort((a, b) => a - b)
  }

  private store(port: number, vlans: PortVlans): void {
    if (vlans.untagged === DEFAULT_VLAN && vlans.tagged.size === 0) this.ports.delete(port)
    else this.ports.set(port, vlans)
  }
}

/** The VLAN in a frame's tag; 0: it has none, or one that only tells a priority; -1: too short to have one. */
export function tagOf(view: DataView, frame: number, length: number): number {
  if (view.getUint16(frame + ETH_TYPE) !== ETHERTYPE_VLAN) return 0
  return length < ETH_TYPE + 2 + TAG_OCTETS ? -1 : view.getUint16(frame + ETH_TYPE + 2) & VID_MASK
}

/** Whether there is a tag at all, one for priority included. */
export function hasTag(view: DataView, frame: number): boolean {
  return view.getUint16(frame + ETH_TYPE) === ETHERTYPE_VLAN
}

/** Copies a frame with a tag put in. @returns its length. */
export function copyTagged(from: Uint8Array, frame: number, length: number, vlan: number, into: Uint8Array): number {
  into.set(from.subarray(frame, frame + ETH_TYPE), RECORD_HEADER)
  into.set([ETHERTYPE_VLAN >> 8, ETHERTYPE_VLAN & 255, vlan >> 8, vlan & 255], RECORD_HEADER + ETH_TYPE)
  into.set(from.subarray(frame + ETH_TYPE, frame + length), RECORD_HEADER + ETH_TYPE + TAG_OCTETS)
  return length + TAG_OCTETS
}

/** Copies a frame with its tag left out. @returns its length. */
export function copyUntagged(from: Uint8Array, frame: number, length: number, into: Uint8Array): number {
  into.set(from.subarray(frame, frame + ETH_TYPE), RECORD_HEADER)
  into.set(from.subarray(frame + ETH_TYPE + TAG_OCTETS, frame + length), RECORD_HEADER + ETH_TYPE)
  return length - TAG_OCTETS
}
