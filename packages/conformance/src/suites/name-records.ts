/**
 * Records that the answers of these suites have.
 *
 * @module
 */
import { craftRecord, DNS, TO_QUESTION, wireName } from '../craft/dns.ts'

/** Addresses: 10.0.0.n, and 2001:db8::n. */
export const a = (last: number, ttl = 60): number[] =>
  craftRecord({ name: TO_QUESTION, type: DNS.a, ttl, data: [10, 0, 0, last] })
export const aaaa = (last: number): number[] =>
  craftRecord({ name: TO_QUESTION, type: DNS.aaaa, data: [0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), last] })
export const alias = (from: string, to: string, ttl = 60): number[] =>
  craftRecord({ name: from, type: DNS.cname, ttl, data: wireName(to) })
/** The zone, and how long it is kept that a name of it does not exist. */
export const soa = (zone: string, minimum: number): number[] =>
  craftRecord({
    name: zone,
    type: DNS.soa,
    ttl: 7200,
    data: [...wireName('ns.test'), ...wireName('admin.test'), ...new Array(18).fill(0), minimum >>> 8, minimum & 255],
  })
