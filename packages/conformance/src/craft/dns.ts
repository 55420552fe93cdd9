/**
 * DNS messages made and read by hand, for scripted name servers. Shares no code with the services.
 *
 * @module
 */

export const DNS = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  naptr: 35,
  opt: 41,
  tlsa: 52,
  any: 255,
  caa: 257,
} as const

/** A name without compression. */
export function wireName(name: string): number[] {
  const labels = name === '' ? [] : name.split('.')
  return [...labels.flatMap((label) => [label.length, ...letters(label)]), 0]
}

export function letters(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0))
}

/** A pointer to the question's name. */
export const TO_QUESTION: readonly number[] = [0xc0, 12]

export interface RecordFields {
  readonly name: string | readonly number[]
  readonly type: number
  readonly class?: number
  readonly ttl?: number
  readonly data: readonly number[]
  /** @default that of the data */
  readonly length?: number
}

export function craftRecord({ name, type, data, ...more }: RecordFields): number[] {
  const ttl = more.ttl ?? 60
  return [
    ...(typeof name === 'string' ? wireName(name) : name),
    ...word(type),
    ...word(more.class ?? 1),
    ...word(Math.floor(ttl / 65536)),
    ...word(ttl % 65536),
    ...word(more.length ?? data.length),
    ...data,
  ]
}

export interface DnsFields {
  readonly id: number
  readonly flags?: number
  /** Low four bits of the flags. */
  readonly rcode?: number
  readonly question?: readonly number[]
  readonly answers?: readonly (readonly number[])[]
  readonly authorities?: readonly (readonly number[])[]
  readonly additionals?: readonly (readonly number[])[]
  /** Counts of the header, when they are to lie. */
  readonly counts?: readonly [number, number, number, number]
}

export function craftDns(fields: DnsFields): Uint8Array {
  const { question = [], answers = [], authorities = [], additionals = [] } = fields
  const honest = [question.length > 0 ? 1 : 0, answers.length, authorities.length, additionals.length]
  return Uint8Array.from([
    ...word(fields.id),
    ...word((fields.flags ?? 0x8180) | (fields.rcode ?? 0)),
    ...(fields.counts ?? honest).flatMap(word),
    ...question,
    ...[...answers, ...authorities, ...additionals].flat(),
  ])
}

/** What a resolver asked. */
export interface DnsAsked {
  readonly id: number
  readonly name: string
  readonly type: number
  /** The question as it stands on the wire. */
  readonly question: readonly number[]
  readonly isRecursionDesired: boolean
  /** The size of the OPT record; 0: there is none. */
  readonly payload: number
}

export function readDnsQuery(octets: Uint8Array): DnsAsked {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const labels: string[] = []
  let at = 12
  while (octets[at] !== 0) {
    const length = octets[at] as number
    labels.push(String.fromCharCode(...octets.subarray(at + 1, at + 1 + length)))
    at += 1 + length
  }
  const end = at + 5
  return {
    id: view.getUint16(0),
    name: labels.join('.'),
    type: view.getUint16(at + 1),
    question: Array.from(octets.subarray(12, end)),
    isRecursionDesired: (view.getUint16(2) & 0x0100) !== 0,
    payload: view.getUint16(10) === 1 && view.getUint16(end + 1) === DNS.opt ? view.getUint16(end + 3) : 0,
  }
}

function word(value: number): number[] {
  return [(value >>> 8) & 255, value & 255]
}
