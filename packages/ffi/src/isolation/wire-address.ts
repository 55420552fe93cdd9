/**
 * Addresses in messages: their family and 16 octets, IPv4 in the last four.
 *
 * @module
 */
import { IpAddress } from '@ioth/core'

export const ADDRESS_LENGTH = 17

/** A null address has family 0. */
export function writeAddress(view: DataView, at: number, address: IpAddress | null): void {
  view.setUint8(at, address?.family ?? 0)
  view.setInt32(at + 1, address?.w0 ?? 0)
  view.setInt32(at + 5, address?.w1 ?? 0)
  view.setInt32(at + 9, address?.w2 ?? 0)
  view.setInt32(at + 13, address?.w3 ?? 0)
}

export function readAddress(view: DataView, at: number): IpAddress | null {
  const family = view.getUint8(at)
  if (family !== 4 && family !== 6) return null
  if (family === 4) return IpAddress.v4(view.getInt32(at + 13))
  return new IpAddress(6, view.getInt32(at + 1), view.getInt32(at + 5), view.getInt32(at + 9), view.getInt32(at + 13))
}
