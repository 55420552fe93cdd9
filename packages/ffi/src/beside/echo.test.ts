/** Echo beside a library: questions, their answers and refusals, and answers to those of others. */
import { createVirtualScheduler, type IpAddress, type NetError, type PingReply, parseIpAddress } from '@ioth/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { Echo, type QuestionWay } from './echo.ts'
import { PacketView } from './packet-view.ts'
import { Pieces } from './pieces.ts'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const OTHER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)
const ADDRESSES = { 4: ['10.0.0.1', '10.0.0.9'], 6: ['fd00::1', 'fd00::9'] } as const

describe.each([4, 6] as const)('IPv%i', (family) => {
  const [own, other] = ADDRESSES[family].map(parseIpAddress) as [IpAddress, IpAddress]
  let time = createVirtualScheduler({ seed: 1 })
  let sent: Uint8Array[] = []
  let echo = new Echo(time)
  let theirs = new Echo(time)
  let neighbor: Uint8Array | null = OTHER_MAC

  beforeEach(() => {
    time = createVirtualScheduler({ seed: 1 })
    sent = []
    neighbor = OTHER_MAC
    echo = new Echo(time)
    theirs = new Echo(time)
  })

  const way = (): QuestionWay => ({
    mac: MAC,
    mtu: 1500,
    source: own,
    emit: (frame) => void sent.push(frame),
    resolve: (done) => done(neighbor),
  })

  /** Frames as the other side sees them, put together. */
  function whole(): PacketView {
    const packet = new PacketView()
    const pieces = new Pieces()
    for (const frame of sent.splice(0)) {
      expect(frame.length).toBeLessThanOrEqual(1514)
      expect(packet.read(frame, 0, frame.length)).toBe(true)
      const joined = pieces.add(packet)
      if (joined === 'whole') return packet
      if (joined !== null && packet.read(joined, 0, joined.length)) return packet
    }
    throw new Error('not whole')
  }

  it.each([0, 1, 1452, 1453, 20_001, 65_507])('%i octets there and back', async (size) => {
    const asked = echo.ask(other, way(), { size })
    expect(time.holds).toBe(1)
    const back = { mac: OTHER_MAC, mtu: 1500, emit: (frame: Uint8Array) => void sent.push(frame) }
    expect(theirs.arriving(whole(), back, (address) => address.equals(other))).toBe(true)
    time.advance(3000)
    const answer = whole()
    expect([...answer.bytes.subarray(0, 6)]).toEqual([...MAC])
    expect(echo.arriving(answer, way(), (address) => address.equals(own))).toBe(true)
    expect(await asked).toEqual({ microseconds: 3000, ttl: 64, size, from: other } satisfies PingReply)
    expect(time.holds).toBe(0)
  })

  it('an address of our own answers in a later job', async () => {
    const asked = echo.ask(own, null, {})
    time.advance(0)
    expect(await asked).toMatchObject({ size: 56, from: own })
    expect(sent).toEqual([])
  })

  it('silence is told apart from a neighbour that is not there', async () => {
    const codes: string[] = []
    const note = (error: NetError): void => void codes.push(error.code)
    const silent = echo.ask(other, way(), {}).catch(note)
    neighbor = null
    const absent = echo.ask(other, way(), {}).catch(note)
    const late = echo.ask(other, { ...way(), resolve: () => {} }, {}).catch(note)
    time.advance(1_000_000)
    await Promise.all([silent, absent, late])
    expect(codes.sort()).toEqual(['EHOSTUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT'])
  })

  it('sizes and times to live have bounds, and it can be given up', async () => {
    await expect(echo.ask(other, way(), { size: 65_528 })).rejects.toMatchObject({ code: 'EMSGSIZE' })
    await expect(echo.ask(other, way(), { ttl: 256 })).rejects.toMatchObject({ code: 'EINVAL' })
    const controller = new AbortController()
    const asked = echo.ask(other, way(), { signal: controller.signal })
    controller.abort()
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
    expect(time.holds).toBe(0)
  })

  it('a question with a code, a wrong sum or another destination is not answered', () => {
    void echo.ask(other, way(), {}).catch(() => {})
    const { bytes, payloadAt } = whole()
    const back = { mac: OTHER_MAC, mtu: 1500, emit: (frame: Uint8Array) => void sent.push(frame) }
    const hear = (frame: Uint8Array, isOurs: boolean): boolean => {
      const packet = new PacketView()
      packet.read(frame, 0, frame.length)
      return theirs.arriving(packet, back, () => isOurs)
    }
    const wrong = bytes.slice()
    wrong[payloadAt + 2] = (wrong[payloadAt + 2] as number) ^ 1
    const coded = bytes.slice()
    coded[payloadAt + 1] = 1
    expect([hear(wrong, true), hear(coded, true), hear(bytes, false)]).toEqual([true, true, false])
    expect(sent).toEqual([])
    echo.clear()
  })
})
