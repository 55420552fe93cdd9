import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseVnl } from './parse-vnl.ts'

describe('locators', () => {
  test.each([
    ['', 'default', '', {}],
    ['vde://', 'default', '', {}],
    ['/tmp/lan', 'vde', '/tmp/lan', {}],
    ['lan', 'vde', 'lan', {}],
    ["/tmp/it's \\ 100%41", 'vde', "/tmp/it's \\ 100%41", {}],
    ['/tmp/a[1]', 'vde', '/tmp/a', { '': '1' }],
    ['/tmp/a[', 'vde', '/tmp/a[', {}],
    ['vde:///tmp/lan', 'vde', '/tmp/lan', {}],
    ['VDE://lan', 'vde', 'lan', {}],
    ['vde:///tmp/lan[3]', 'vde', '/tmp/lan', { '': '3' }],
    ['vde:///tmp/lan[port=3/mode=0600]', 'vde', '/tmp/lan', { port: '3', mode: '0600' }],
    ['vde:///tmp/lan[]', 'vde', '/tmp/lan', {}],
    ["vde://'/tmp/a[1]'[2]", 'vde', '/tmp/a[1]', { '': '2' }],
    ['vde://"/tmp/it\'s"', 'vde', "/tmp/it's", {}],
    ['vde:///tmp/a\\[1\\]', 'vde', '/tmp/a[1]', {}],
    ['vde:///tmp/%5b%C3%A4%zz', 'vde', '/tmp/[ä%zz', {}],
    ["hub://'%41'", 'hub', '%41', {}],
    ['vde:///a[group=a\\/b/ctl]', 'vde', '/a', { group: 'a/b', ctl: '' }],
    ['null://', 'null', '', {}],
    ['vxvde://239.1.2.3/port=1/grp', 'vxvde', '239.1.2.3', { port: '1', grp: '' }],
    ['udp://10001->192.0.2.1:10000', 'udp', '10001->192.0.2.1:10000', {}],
    ['ws://127.0.0.1:80/token=a\\/b', 'ws', '127.0.0.1:80', { token: 'a/b' }],
    ['cmd://ssh host "a b" [x]/y\\', 'cmd', 'ssh host "a b" [x]/y\\', {}],
  ])('%j', (text, module, address, options) => {
    const vnl = parseVnl(text)
    expect(vnl).toMatchObject({ text, module, address, nested: null })
    expect(Object.fromEntries(vnl.options)).toEqual(options)
  })

  test('one in another', () => {
    const vnl = parseVnl("impair://{agno://{vde:///tmp/a[3]}/key='}'}/loss=5%")
    expect(vnl).toMatchObject({ module: 'impair', address: '', text: expect.stringContaining('impair') })
    expect(Object.fromEntries(vnl.options)).toEqual({ loss: '5%' })
    expect(vnl.nested).toMatchObject({ module: 'agno', text: "agno://{vde:///tmp/a[3]}/key='}'" })
    expect(Object.fromEntries(vnl.nested?.options ?? [])).toEqual({ key: '}' })
    expect(vnl.nested?.nested).toMatchObject({ module: 'vde', address: '/tmp/a', text: 'vde:///tmp/a[3]' })
  })

  test.each([
    ['a\0b', 1, /NUL/],
    ['vde://x[=3]', 8, /no name/],
    ['vde://x[a=1/a=2]', 12, /"a" is there already/],
    ['vde://x[1', 7, /\[ is not closed/],
    ['vde://x1]', 8, /no \[ before/],
    ['vde://x[1]y', 10, /nothing can follow/],
    ["vde://x'y", 7, /' is not closed/],
    ['hub://"', 6, /" is not closed/],
    ['hub://x\\', 7, /backslash/],
    ['impair://{vde://x', 9, /\{ is not closed/],
    ['impair://{vde://x[}', 17, /\[ is not closed/],
    [`${'x://{'.repeat(10)}${'}'.repeat(10)}`, 45, /more than 8/],
  ])('%j points at character %i', (text, at, why) => {
    let message = ''
    try {
      parseVnl(text)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toMatch(why)
    expect(message).toContain(`at character ${at + 1}:`)
    expect(message.split('\n').at(-1)).toBe(`  ${' '.repeat(at)}^`)
  })

  test('no path is taken for anything else', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\0') && !text.endsWith(']')),
        (text) => {
          expect(parseVnl(`/${text}`)).toMatchObject({ module: 'vde', address: `/${text}` })
        },
      ),
    )
  })

  test('any address can be quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('hub', 'udp'), (text, module) => {
        fc.pre(!text.includes('\0'))
        const quoted = text.replace(/[^A-Za-z0-9]/gu, (character) => `\\${character}`)
        expect(parseVnl(`${module}://${quoted}`).address).toBe(text)
      }),
    )
  })

  test('anything is a locator or an error of ours', () => {
    const piece = fc.constantFrom('vde://', '{', '}', '[', ']', "'", '"', '\\', '%41', '/', '=', 'a', 'ä')
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parseVnl(pieces.join(''))
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_IOTH_NETWORK' })
        }
      }),
    )
  })
})
