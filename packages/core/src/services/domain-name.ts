/**
 * Domain names as they stand in DNS messages and in DHCP's search option (RFC 1035 3.1, 4.1.4; RFC 3397), read with every bound checked.
 *
 * The rules are stricter than the text of RFC 1035, as RFC 9267 advises: a compression pointer leads to an earlier place only, so that no
 * chain of them can loop, and a label holds printable ASCII without dots, so that no two names on the wire are one name in text.
 *
 * @module
 */

/** A name, and where the octets behind it begin. */
export interface WireName {
  /** Labels with dots between them, without the final dot; the root is `''`. */
  readonly name: string
  readonly next: number
}

/** Octets of a name on the wire, with the length octets and the root's. */
const LONGEST_NAME = 255
/** A pointer that leads to no further label is of no use, and a name has at most 127 labels. */
const MOST_POINTERS = 127

const POINTER = 0xc0
const LONGEST_LABEL = 63

/**
 * Reads a name that begins at `at`.
 * @param end of what the name's own octets may occupy; pointers may lead anywhere before the name.
 * @returns null for a name that breaks a rule.
 */
export function readDomainName(octets: Uint8Array, at: number, end: number = octets.length): WireName | null {
  const labels: string[] = []
  const next = walk(octets, at, end, (from, length) => {
    const label = labelText(octets, from, length)
    if (label === null) return false
    labels.push(label)
    return true
  })
  return next < 0 ? null : { name: labels.join('.'), next }
}

/** As {@link readDomainName} for names nobody looks at, which may hold any octet; -1 for a name that breaks a rule. */
export function skipDomainName(octets: Uint8Array, at: number, end: number = octets.length): number {
  return walk(octets, at, end, () => true)
}

function walk(octets: Uint8Array, at: number, end: number, label: (from: number, length: number) => boolean): number {
  let here = at
  let limit = end
  let earlier = at
  let next = -1
  let total = 1
  for (let pointers = 0; ; ) {
    if (here >= limit) return -1
    const length = octets[here] as number
    if (length === 0) return next < 0 ? here + 1 : next
    if ((length & POINTER) === POINTER) {
      if (here + 1 >= limit || ++pointers > MOST_POINTERS) return -1
      const target = ((length & ~POINTER) << 8) | (octets[here + 1] as number)
      if (target >= earlier) return -1
      if (next < 0) next = here + 2
      earlier = target
      here = target
      limit = octets.length
      continue
    }
    total += length + 1
    if (length > LONGEST_LABEL || total > LONGEST_NAME || here + 1 + length > limit) return -1
    if (!label(here + 1, length)) return -1
    here += 1 + length
  }
}

function labelText(octets: Uint8Array, from: number, length: number): string | null {
  let text = ''
  for (let at = from; at < from + length; at++) {
    const octet = octets[at] as number
    if (octet < 0x20 || octet > 0x7e || octet === 0x2e || octet === 0x5c) return null
    text += String.fromCharCode(octet)
  }
  return text
}

/** Whether text can be a name: labels of 1 to 63 printable ASCII characters, 253 in all; a final dot is allowed. */
export function isDomainName(text: string): boolean {
  const bare = withoutFinalDot(text)
  return bare.length <= 253 && bare.split('.').every((label) => /^[!-[\]-~]{1,63}$/.test(label))
}

export function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
