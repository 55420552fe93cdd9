/**
 * Lists of groups, cut into messages.
 *
 * @module
 */
import type { GroupRecord } from './group-reporter.ts'

/** Octets of a report in front of its records, in both protocols. */
const REPORT_HEADER = 8

/**
 * The records of a report, in as many messages as it takes. A list of sources that is too long for one is told in several records (RFC 3376
 * 4.2.16, RFC 3810 5.2.15).
 * @param room octets of a message.
 * @param lengthOf octets of a record with so many sources.
 */
export function* inMessages(
  records: readonly GroupRecord[],
  room: number,
  lengthOf: (sources: number) => number,
): Iterable<GroupRecord[]> {
  const most = Math.max(1, Math.floor((room - REPORT_HEADER - lengthOf(0)) / (lengthOf(1) - lengthOf(0))))
  let fitting: GroupRecord[] = []
  let length = REPORT_HEADER
  for (const { type, group, sources } of records) {
    for (let first = 0; first === 0 || first < sources.length; first += most) {
      const part = sources.slice(first, first + most)
      if (length + lengthOf(part.length) > room && fitting.length > 0) {
        yield fitting
        fitting = []
        length = REPORT_HEADER
      }
      fitting.push({ type, group, sources: part })
      length += lengthOf(part.length)
    }
  }
  if (fitting.length > 0) yield fitting
}
