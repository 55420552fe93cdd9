/**
 * Options of an IPv4 header (RFC 791 3.1): a host follows none of them; it makes sure that they can be read, and that they ask for nothing
 * it must not do.
 *
 * @module
 */
const END = 0
const NO_OPERATION = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137
const ROUTER_ALERT = 148

/**
 * View level: reads the options between two positions.
 * @returns why the packet is refused: `source-route` (RFC 7126 4.3, 4.4), or `options` that cannot be read; null when it is not.
 */
export function checkOptions(view: DataView, at: number, end: number): string | null {
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === END) return null
    if (kind === NO_OPERATION) {
      at++
      continue
    }
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) return 'source-route'
    if (at + 1 >= end) return 'options'
    const length = view.getUint8(at + 1)
    if (length < 2 || at + length > end) return 'options'
    // The pointers count from 1, behind the octets before them.
    if (kind === RECORD_ROUTE && (length < 3 || view.getUint8(at + 2) < 4)) return 'options'
    if (kind === TIMESTAMP && (length < 4 || view.getUint8(at + 2) < 5)) return 'options'
    at += length
  }
  return null
}

/** View level: whether a list that {@link checkOptions} found good has the router alert. */
export function hasRouterAlert(view: DataView, at: number, end: number): boolean {
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === ROUTER_ALERT) return true
    if (kind === END) return false
    at += kind === NO_OPERATION ? 1 : view.getUint8(at + 1)
  }
  return false
}
