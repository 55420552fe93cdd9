/**
 * What a plug counts.
 *
 * @module
 */
export class PlugCounters {
  'in.frames' = 0
  'in.octets' = 0
  'out.frames' = 0
  'out.octets' = 0
  /** No memory in the pool. */
  'drop.in.no-memory' = 0
  /** Nobody has attached yet, or the frame is longer than the MTU, or of a form that was not asked for. */
  'drop.in.unwanted' = 0
  /** Sent while the link was not up. */
  'drop.out.lost' = 0
  /** Shorter than an Ethernet header, longer than 64 KiB, or not to be cut or summed. */
  'drop.out.malformed' = 0
  /** Reconnections that came about. */
  reconnections = 0
}
