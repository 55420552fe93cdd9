import { FULL_OFFLOAD, NO_OFFLOAD } from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MAX_NAME,
  MAX_OPENING,
  mayOpenPlug,
  parseOffload,
  parsePlugOpening,
  parseSwitchOpening,
  plugOpening,
  printable,
  refusalLine,
  switchOpening,
} from './opening.ts'

const offload = fc.constantFrom(NO_OFFLOAD, FULL_OFFLOAD, { checksum: true, segment: false, maxSegment: 0 })
const pid = fc.integer({ min: 0, max: 0x7fffffff })
const mtu = fc.integer({ min: 68, max: 65_535 })

describe('opening lines', () => {
  test('what a plug says is read back', () => {
    const name = fc.string({ maxLength: MAX_NAME, unit: 'grapheme-ascii' })
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }))
    fc.assert(
      fc.property(
        fc.record({ name, pid, mtu, accepts: offload, frames: fc.boolean(), port, prefer: fc.boolean() }),
        (opening) => {
          const line = plugOpening(opening)
          expect(line.length).toBeLessThan(MAX_OPENING)
          expect(mayOpenPlug(Buffer.from(line), 0, line.length)).toBe(true)
          expect(parsePlugOpening(line.slice(0, -1))).toEqual(opening)
        },
      ),
    )
  })

  test('what a switch says is read back', () => {
    fc.assert(
      fc.property(fc.record({ pid, port: pid, mtu, accepts: offload }), (opening) => {
        expect(parseSwitchOpening(switchOpening(opening).slice(0, -1))).toEqual(opening)
      }),
    )
  })

  test('every beginning of an opening may still become one', () => {
    const line = Buffer.from(plugOpening({ name: 'x', pid: 1, mtu: 1500, accepts: NO_OFFLOAD, frames: true }))
    for (let length = 0; length <= line.length; length++) expect(mayOpenPlug(line, 0, length)).toBe(true)
    expect(mayOpenPlug(Buffer.from('ioth-plag'), 0, 9)).toBe(false)
  })

  test('another version is refused with both versions in words', () => {
    expect(parsePlugOpening('ioth-plug 2 {}')).toEqual({
      refusal: 'this switch speaks version 1 of the stream plug protocol, the plug asked for version 2',
      known: true,
    })
    expect(parseSwitchOpening('ioth-switch 2 {}')).toMatchObject({ refusal: expect.stringContaining('version 2') })
    expect(parseSwitchOpening(refusalLine('no room').slice(0, -1))).toEqual({ refusal: 'no room', known: true })
    expect(parseSwitchOpening('SSH-2.0-OpenSSH')).toMatchObject({ known: false })
  })

  test('no line throws', () => {
    const json = fc.json().map((text) => `ioth-plug 1 ${text}`)
    fc.assert(
      fc.property(fc.oneof(fc.string(), json), (line) => {
        parsePlugOpening(line)
        parseSwitchOpening(line.replace('plug', 'switch'))
      }),
    )
  })

  test('an offload that is not understood is not taken', () => {
    for (const said of [null, 7, 'x', [], { segment: true }, { segment: true, maxSegment: -1 }]) {
      expect(parseOffload(said)).toEqual(NO_OFFLOAD)
    }
    expect(parseOffload({ segment: true, maxSegment: 65_535 }).maxSegment).toBe(FULL_OFFLOAD.maxSegment)
  })

  test('text of the other side cannot steer a terminal', () => {
    expect(printable('a\u001b[2Jb\u0007\u009bc\n', 99)).toBe('a?[2Jb??c?')
    expect(printable('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`)
  })
})
