import { expect, test } from 'vitest'
import { PingText } from './ping-text.ts'

test('replies, as ping(8) prints them', () => {
  const text = new PingText('10.40.0.32', '10.40.0.33')
  expect(text.header(56)).toBe('PING 10.40.0.32 (10.40.0.32) 56(84) bytes of data.')
  for (let request = 0; request < 4; request++) text.sending()
  expect(text.reply(1, 56, 64, 123)).toBe('64 bytes from 10.40.0.32: icmp_seq=1 ttl=64 time=0.123 ms')
  expect(text.reply(2, 56, 64, 1234)).toBe('64 bytes from 10.40.0.32: icmp_seq=2 ttl=64 time=1.23 ms')
  expect(text.reply(3, 56, 64, 123_456)).toBe('64 bytes from 10.40.0.32: icmp_seq=3 ttl=64 time=123 ms')
  expect(text.answered).toBe(true)
  expect(text.statistics(3004.2)).toBe(`
--- 10.40.0.32 ping statistics ---
4 packets transmitted, 3 received, 25% packet loss, time 3004ms
rtt min/avg/max/mdev = 0.123/41.604/123.456/57.880 ms`)
})

test('nobody there', () => {
  const text = new PingText('10.40.0.99', '10.40.0.33')
  text.sending()
  expect(text.unreachable(1)).toBe('From 10.40.0.33 icmp_seq=1 Destination Host Unreachable')
  expect(text.answered).toBe(false)
  expect(text.statistics(0)).toBe(`
--- 10.40.0.99 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms`)
})

test('a router that turns a request back, and a target that was given by name', () => {
  const text = new PingText('10.9.0.1', '10.40.0.33', 'far.test')
  expect(text.header(56)).toBe('PING far.test (10.9.0.1) 56(84) bytes of data.')
  text.sending()
  text.sending()
  expect(text.refused(1, '10.40.0.254', 'time-exceeded')).toBe('From 10.40.0.254 icmp_seq=1 Time to live exceeded')
  expect(text.refused(2, '10.40.0.254', 'unreachable')).toBe('From 10.40.0.254 icmp_seq=2 Destination Host Unreachable')
  expect(text.statistics(0)).toContain('--- far.test ping statistics ---\n2 packets transmitted, 0 received, +2 errors')
})

test('IPv6 has no octet count of the packet', () => {
  expect(new PingText('fc00::1', 'fc00::2').header(56)).toBe('PING fc00::1 (fc00::1) 56 data bytes')
})
