import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseVnl } from './parse-vnl.ts'

describe('locators', () => {
  test.each([
    ['', 'default', '', {}],
    ['vde://', 'default', '', {}],
    ['/tmp/lan', 'vde', '/tmp/lan', {}],
    ['lan', 'vde', 'lan', {}],
    ['/tmp/a[1]', 'vde', '/tmp/a[1]', {}],
    ['vde:///tmp/lan', 'vde', '/tmp/lan', {}],
    ['VDE://lan', 'vde', 'lan', {}],
    ['vde:///tmp/lan[3]', 'vde', '/tmp/lan', { '': '3' }],
    ['vde:///tmp/lan[port=3/mode=0600]', 'vde', '/tmp/lan', { port: '3', mode: '0600' }],
    ['null://', 'null', '', {}],
    ['vxvde://239.1.2.3/port=1', 'vxvde', '239.1.2.3/port=1', {}],
  ])('%j', (text, module, address, options) => {
    const vnl = parseVnl(text)
    expect(vnl).toMatchObject({ text, module, address })
    expect(Object.fromEntries(vnl.options)).toEqual(options)
  })

  test('what cannot be meant is refused', () => {
    expect(() => parseVnl('a\0b')).toThrow(/NUL/)
    expect(() => parseVnl('vde://x[=3]')).toThrow(/no name/)
  })

  test('no path is taken for anything else', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\0')),
        (text) => {
          expect(parseVnl(`/${text}`)).toMatchObject({ module: 'vde', address: `/${text}` })
        },
      ),
    )
  })
})
