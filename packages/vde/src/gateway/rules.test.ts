import { parseIpAddress } from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { parseRule, Rules } from './rules.ts'

/** `+10.0.0.0/8` allows, `-any` denies. */
function allows(rules: string, address: string, port: number): boolean {
  const list = rules.split(' ').filter((word) => word !== '')
  return new Rules(list.map((word) => parseRule(word.slice(1), word.startsWith('+')))).allows(
    parseIpAddress(address),
    port,
  )
}

describe('rules of a gateway', () => {
  test.each([
    ['', '192.0.2.1', 80, true],
    ['', '10.1.2.3', 80, true],
    ['', '2001:db8::1', 443, true],
    ['', '127.0.0.1', 80, false],
    ['', '169.254.169.254', 80, false],
    ['', '100.100.100.200', 80, false],
    ['', 'fd00:ec2::254', 80, false],
    ['', 'fe80::1', 80, false],
    ['', '::1', 80, false],
    ['', '::ffff:127.0.0.1', 80, false],
    ['', '64:ff9b::a9fe:a9fe', 80, false],
    ['', '0.0.0.0', 80, false],
    // "any" does not mean what is guarded, a rule that names it does.
    ['+any', '169.254.169.254', 80, false],
    ['+0.0.0.0/0', '127.0.0.1', 80, false],
    ['+169.254.169.254:80', '169.254.169.254', 80, true],
    ['+169.254.169.254:80', '169.254.169.254', 443, false],
    ['+127.0.0.1', '127.0.0.1', 8080, true],
    ['+127.0.0.0/8', '127.0.0.2', 8080, true],
    ['+127.0.0.0/8 -127.0.0.2', '127.0.0.2', 8080, false],
    ['-any +192.0.2.0/24:80-443', '192.0.2.9', 443, true],
    ['-any +192.0.2.0/24:80-443', '192.0.2.9', 444, false],
    ['-any +192.0.2.0/24:80-443', '192.0.2.9', 0, false],
    ['-any +192.0.2.0/24', '192.0.2.9', 0, true],
    ['-any', '192.0.2.9', 80, false],
    ['-any:25', '192.0.2.9', 25, false],
    ['-any:25', '192.0.2.9', 0, true],
    ['-10.0.0.0/8', '10.9.9.9', 80, false],
    ['-2001:db8::/32', '2001:db8::1', 80, false],
    ['-[2001:db8::/32]:80', '2001:db8::1', 443, true],
  ])('%s: %s port %i is %s', (rules, address, port, expected) => {
    expect(allows(rules, address, port)).toBe(expected)
  })

  test.each(['', '10.0.0.0/33', '10.0.0.1:70000', '10.0.0.1:90-80', 'example.org', '10.0.0.1:80-', '[fc00::'])(
    '%j is refused',
    (text) => {
      expect(() => parseRule(text, true)).toThrow(/Type for example: ioth gateway --deny any/)
    },
  )
})
