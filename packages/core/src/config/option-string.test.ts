import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatOption, parseOptions } from './option-string.ts'

const pairs = (text: string) => parseOptions(text).map(({ name, value }) => [name, value])

describe('option strings', () => {
  test.each([
    ['', []],
    [
      'eth,dhcp',
      [
        ['eth', null],
        ['dhcp', null],
      ],
    ],
    [
      ' a ;; b,\t\nc ',
      [
        ['a', null],
        ['b', null],
        ['c', null],
      ],
    ],
    ['a=', [['a', '']]],
    ['a=1=2', [['a', '1=2']]],
    ["vnl=vxvde://'a,b'", [['vnl', 'vxvde://a,b']]],
    ['vnl="it\'s \\ here"', [['vnl', "it's \\ here"]]],
    ['a=\\,b', [['a', ',b']]],
    ['a=b\\\nc', [['a', 'bc']]],
    [
      'a=1 # b=2\nc',
      [
        ['a', '1'],
        ['c', null],
      ],
    ],
    ["'odd name'=1", [['odd name', '1']]],
  ] as const)('%j', (text, expected) => {
    expect(pairs(text)).toEqual(expected)
  })

  test('a quote that is not closed is refused', () => {
    expect(() => parseOptions("vnl='a,b")).toThrow(/quote ' is not closed in vnl='a,b.*add a '/)
  })

  test('parse ∘ format is the identity, whatever the value', () => {
    const value = fc.option(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'a,;\'"\\#= \n\t') })))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^[a-z.]{1,8}$/), value)), (options) => {
        const text = options.map(([name, value]) => formatOption(name, value)).join(',')
        expect(pairs(text)).toEqual(options)
      }),
    )
  })
})
