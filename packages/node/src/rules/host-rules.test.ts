import { parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { HostRules } from './host-rules.ts'

function match(rule: string, address: string, port = 80): string | null {
  return new HostRules([rule]).match(parseIpAddress(address), port)
}

test.each([
  ['192.0.2.7', '192.0.2.7', 80],
  ['192.0.2.7', '::ffff:192.0.2.7', 80],
  ['fd00::7', 'fd00::7', 80],
  ['192.0.2.0/24', '192.0.2.255', 80],
  ['192.0.2.99/24', '192.0.2.1', 80],
  ['fd00::/8', 'fdff::1', 80],
  [':5432', '10.0.0.1', 5432],
  ['*', '10.0.0.1', 1],
  ['127.0.0.1:5432', '127.0.0.1', 5432],
  ['[::1]:5432', '::1', 5432],
  ['192.0.2.0/24:80', '192.0.2.3', 80],
  ['[fd00::]:80', 'fd00::', 80],
  ['localhost:5432', '127.0.0.1', 5432],
  ['localhost', '::1', 80],
])('%s takes %s port %i to the host', (rule, address, port) => {
  expect(match(rule, address, port)).toBe(rule)
})

test.each([
  ['192.0.2.7', '192.0.2.8', 80],
  ['192.0.2.0/24', '192.0.3.1', 80],
  ['0.0.0.0/0', '::1', 80],
  [':5432', '10.0.0.1', 5433],
  ['127.0.0.1:5432', '127.0.0.1', 5433],
  ['127.0.0.1:5432', '127.0.0.2', 5432],
  ['db.example.org', '192.0.2.7', 80],
  ['addon:x', '192.0.2.7', 80],
])('%s leaves %s port %i on the stack', (rule, address, port) => {
  expect(match(rule, address, port)).toBeNull()
})

test('names: the addresses that were found for them, and no others', () => {
  const rules = new HostRules(['db.example.org:5432', '*.test', 'db.example.org:80'])
  expect(
    ['DB.example.org.', 'a.test', 'a.b.test', 'test', 'x.db.example.org'].map((n) => rules.matchesName(n)),
  ).toEqual([true, true, true, false, false])
  const at = (address: string, port: number) => rules.match(parseIpAddress(address), port)
  expect(at('192.0.2.1', 5432)).toBeNull()
  rules.grant('db.example.org', ['192.0.2.1', 'fd00::1'])
  rules.grant('a.test', ['192.0.2.2', '192.0.2.1'])
  expect(at('192.0.2.1', 5432)).toBe('db.example.org:5432')
  expect(at('fd00::1', 80)).toBe('db.example.org:80')
  expect(at('fd00::1', 81)).toBeNull()
  expect(at('192.0.2.2', 1)).toBe('*.test')
  expect(at('192.0.2.1', 1)).toBe('*.test')
})

test('what is remembered of names is bounded', () => {
  const rules = new HostRules(['*.test'])
  for (let i = 0; i < 5000; i++) rules.grant('a.test', [`10.0.${i >> 8}.${i & 255}`])
  expect(rules.match(parseIpAddress('10.0.0.0'), 1)).toBeNull()
  expect(rules.match(parseIpAddress('10.0.19.135'), 1)).toBe('*.test')
})

test('add-ons and programs by parts of their paths', () => {
  const rules = new HostRules(['addon:bcrypt', 'addon:build/Release/x.node', 'exec:git', 'exec:/usr/bin/env'])
  expect(rules.allowsAddon('/app/node_modules/bcrypt/lib/binding/bcrypt_lib.node')).toBe(true)
  expect(rules.allowsAddon('/app/build/Release/x.node')).toBe(true)
  expect(rules.allowsAddon('/app/node_modules/bcrypt2/y.node')).toBe(false)
  expect(rules.allowsProgram('git')).toBe(true)
  expect(rules.allowsProgram('/usr/bin/git')).toBe(true)
  expect(rules.allowsProgram('/usr/bin/env')).toBe(true)
  expect(rules.allowsProgram('/usr/bin/gitk')).toBe(false)
})

test.each(['', ':0', ':65536', '10.0.0.300', '10.0.0.0/33', '[::1', 'a b', '-', 'http://x/', ':', '*.', '1.2.3'])(
  '"%s" is refused in words',
  (rule) => {
    expect(() => new HostRules([rule])).toThrow(expect.objectContaining({ code: 'ERR_IOTH_CONFIG' }))
    expect(() => new HostRules([rule])).toThrow(`"${rule}" is no rule of --host`)
  },
)
