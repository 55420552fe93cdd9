import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CHECKSUM_MISSING,
  capture,
  createBatch,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type FrameBatch,
  FULL_OFFLOAD,
  pushFrame,
  SEGMENT_ME,
} from '@ioth/core'
import { describe, expect, it } from 'vitest'

/** A frame with 10.0.0.1 → 10.0.0.2, or fc00::1 → fc00::2, without its transport checksum. */
function frame(
  family: 4 | 6,
  protocol: 6 | 17,
  payload: number,
): { octets: Uint8Array; transport: number; headers: number } {
  const transport = 14 + (family === 4 ? 20 : 40)
  const headers = transport + (protocol === 6 ? 32 : 8)
  const octets = new Uint8Array(headers + payload)
  const view = new DataView(octets.buffer)
  octets.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
  view.setUint16(12, family === 4 ? 0x0800 : 0x86dd)
  if (family === 4) {
    octets.set([0x45, 0, 0, 0, 0xff, 0xfe, 0x40, 0, 64, protocol], 14)
    view.setUint16(16, octets.length - 14)
    octets.set([10, 0, 0, 1, 10, 0, 0, 2], 26)
    let sum = 0
    for (let at = 14; at < 34; at += 2) sum += view.getUint16(at)
    view.setUint16(24, ~((sum & 0xffff) + (sum >>> 16)))
  } else {
    octets[14] = 0x60
    view.setUint16(18, octets.length - 54)
    octets.set([protocol, 64, 0xfc], 20)
    octets[37] = 1
    octets[38] = 0xfc
    octets[53] = 2
  }
  view.setUint16(transport, 4321)
  view.setUint16(transport + 2, 9999)
  if (protocol === 6) {
    octets.set([0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0x80, 0x19], transport + 4)
    view.setUint16(transport + 14, 500)
    octets.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], transport + 20)
  } else {
    view.setUint16(transport + 4, octets.length - transport)
  }
  for (let i = 0; i < payload; i++) octets[headers + i] = i
  return { octets, transport, headers }
}

/** Records super-segments and a UDP datagram on their way through a pipe; gives the file. */
function record(resolution: 'microseconds' | 'nanoseconds'): Uint8Array {
  const scheduler = createVirtualScheduler({ start: 5_000_123 })
  const pool = createFramePool()
  const [a, b] = createPipe({ scheduler, pool, offload: FULL_OFFLOAD })
  const chunks: Uint8Array[] = []
  const link = capture(a, (chunk) => chunks.push(chunk), {
    scheduler,
    pool,
    resolution,
    timeOrigin: 1_700_000_000_000_000,
  })
  const sink = { accepts: FULL_OFFLOAD, frames: () => {}, writable: () => {}, changed: () => {} }
  link.attach(sink)
  b.attach(sink)
  const batch: FrameBatch = createBatch(pool)
  for (const [family, protocol, payload] of [
    [4, 6, 20_000],
    [6, 6, 20_001],
    [4, 17, 1001],
    [6, 17, 1000],
    [4, 6, 1],
  ] as const) {
    const { octets, transport, headers } = frame(family, protocol, payload)
    const head = pool.take(headers)
    const body = pool.take(payload)
    pool.bytes.set(octets.subarray(0, headers), head)
    pool.bytes.set(octets.subarray(headers), body)
    const flags = protocol === 6 ? CHECKSUM_MISSING | SEGMENT_ME : CHECKSUM_MISSING
    pushFrame(batch, head, headers, body, payload, flags, 1428, transport)
  }
  expect(link.send(batch)).toBe(5)
  scheduler.advance()
  expect(pool.used).toBe(0)
  return Buffer.concat(chunks)
}

describe('a capture file', () => {
  it.each([
    ['microseconds' as const, 0xa1b2c3d4, 123],
    ['nanoseconds' as const, 0xa1b23c4d, 123_000],
  ])('in %s has the header and the records of libpcap', (resolution, magic, fraction) => {
    const file = record(resolution)
    const view = new DataView(file.buffer, file.byteOffset)
    expect(view.getUint32(0, true)).toBe(magic)
    expect([view.getUint16(4, true), view.getUint16(6, true)]).toEqual([2, 4])
    expect(view.getUint32(20, true)).toBe(1)
    const lengths: number[] = []
    let at = 24
    while (at < file.length) {
      expect(view.getUint32(at, true)).toBe(1_700_000_005)
      expect(view.getUint32(at + 4, true)).toBe(fraction)
      const length = view.getUint32(at + 8, true)
      expect(view.getUint32(at + 12, true)).toBe(length)
      lengths.push(length)
      at += 16 + length
    }
    expect(at).toBe(file.length)
    // The timestamps leave 1428 octets of an IPv6 packet of 1500, and the last of 15 segments takes the rest.
    const cut = (headers: number, payload: number): number[] => [
      ...new Array<number>(14).fill(headers + 1428),
      headers + payload - 14 * 1428,
    ]
    expect(lengths).toEqual([...cut(66, 20_000), ...cut(86, 20_001), 42 + 1001, 62 + 1000, 67])
  })

  const tshark = spawnSync('tshark', ['--version']).status === 0
  it.skipIf(!tshark && !process.env.CI)('is without fault to tshark (skipped where tshark is not installed)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ioth-pcap-'))
    try {
      const path = join(folder, 'out.pcap')
      writeFileSync(path, record('nanoseconds'))
      const checks = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`])
      const fields = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-e', `${protocol}.checksum.status`])
      const { stdout, status } = spawnSync(
        'tshark',
        ['-r', path, ...checks, '-T', 'fields', ...fields, '-e', '_ws.malformed', '-e', 'tcp.analysis.flags'],
        { encoding: 'utf8' },
      )
      expect(status).toBe(0)
      const lines = stdout.split('\n').filter((line) => line !== '')
      expect(lines.length).toBe(33)
      // Status 1 is "good"; a protocol that is not in the frame leaves its column empty.
      expect(new Set(lines.slice(0, 15))).toEqual(new Set(['1\t1\t\t\t']))
      expect(new Set(lines.slice(15, 30))).toEqual(new Set(['\t1\t\t\t']))
      expect(lines.slice(30, 32)).toEqual(['1\t\t1\t\t', '\t\t1\t\t'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
