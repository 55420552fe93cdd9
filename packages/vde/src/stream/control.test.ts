import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PlugMessage, parsePlugMessage, parseSwitchMessage, type SwitchMessage } from './control.ts'

const id = 7
const fromPlug: PlugMessage[] = [
  { type: 'claim', id, address: '10.0.0.1', mac: '02:00:00:00:00:01' },
  { type: 'claim', id, address: 'fd00::1', mac: '02:00:00:00:00:01' },
  { type: 'unclaim', address: '10.0.0.1' },
  { type: 'accepts', accepts: { checksum: true, segment: false, maxSegment: 0 } },
  { type: 'ports', id },
  { type: 'about', backend: 'ts', listening: ['53/udp', '80/tcp'] },
]
const fromSwitch: SwitchMessage[] = [
  { type: 'granted', id },
  { type: 'refused', id, reason: 'why', holder: { port: 1, name: 'web', pid: 2, mac: '02:00:00:00:00:01' } },
  { type: 'refused', id, reason: 'why' },
  {
    type: 'port',
    id,
    port: {
      port: 1,
      name: 'web',
      pid: 2,
      backend: 'ts',
      listening: ['80/tcp'],
      mtu: 1500,
      addresses: [{ address: '10.0.0.1', mac: '02:00:00:00:00:01', claimed: true }],
      macs: 1,
      upMs: 5,
      queued: 0,
      counters: { 'in.frames': 3 },
    },
  },
  { type: 'end', id },
  { type: 'closing', reason: 'stopped' },
]

describe('control messages', () => {
  test.each(fromPlug)('$type is read back', (message) => {
    expect(parsePlugMessage(JSON.stringify(message))).toEqual(message)
  })

  test.each(fromSwitch)('$type is read back', (message) => {
    expect(parseSwitchMessage(JSON.stringify(message))).toEqual(message)
  })

  test('an address is known by one spelling', () => {
    const said = { type: 'claim', id, address: 'FD00:0:0::0:1', mac: '02:00:00:00:00:01' }
    expect(parsePlugMessage(JSON.stringify(said))).toMatchObject({ address: 'fd00::1' })
  })

  test.each([
    '{}',
    '[]',
    'null',
    '{"type":"claim","id":1,"address":"10.0.0.1"}',
    '{"type":"claim","id":1,"address":"10.0.0.256","mac":"02:00:00:00:00:01"}',
    '{"type":"claim","id":-1,"address":"10.0.0.1","mac":"02:00:00:00:00:01"}',
    '{"type":"claim","id":1,"address":"10.0.0.1","mac":"02:00:00:00:00:01:00"}',
    '{"type":"unclaim"}',
    '{"type":"ports"}',
    '{"type":"ports","id":1.5}',
  ])('%s is no message', (text) => {
    expect(parsePlugMessage(text)).toBeNull()
  })

  test('of what a plug says of itself only what a terminal can take is kept, and no more than fits', () => {
    const listening = ['80/tcp', 80, '80/tcp\u001b[2J', null, ...Array(100).fill('9/udp')]
    const told = parsePlugMessage(JSON.stringify({ type: 'about', backend: 'x\u001b', listening }))
    expect(told).toEqual({ type: 'about', backend: 'x?', listening: ['80/tcp', ...Array(60).fill('9/udp')] })
  })

  test('a type of a later version is told from nonsense', () => {
    expect(parsePlugMessage('{"type":"teleport","id":3}')).toEqual({ type: 'unknown', id: 3, name: 'teleport' })
    expect(parseSwitchMessage('{"type":"teleport"}')).toEqual({ type: 'unknown', id: null, name: 'teleport' })
  })

  test('no text throws', () => {
    const types = fc.constantFrom(
      'claim',
      'about',
      'unclaim',
      'accepts',
      'ports',
      'granted',
      'refused',
      'port',
      'closing',
    )
    const shaped = fc
      .tuple(types, fc.dictionary(fc.constantFrom('id', 'address', 'mac', 'port', 'holder', 'accepts'), fc.jsonValue()))
      .map(([type, rest]) => JSON.stringify({ ...rest, type }))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), shaped), (text) => {
        parsePlugMessage(text)
        parseSwitchMessage(text)
      }),
    )
  })
})
