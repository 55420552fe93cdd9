import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { abiOf } from './abi.ts'
import { backend, createStack } from './backend.ts'
import { type LibrarySymbols, readSymbols } from './library-symbols.ts'

const folder = mkdtempSync(join(tmpdir(), 'ioth-picotcp-'))
afterAll(() => rmSync(folder, { recursive: true }))

function library(
  defined: readonly string[],
  missing: readonly string[] = [],
  slots: readonly string[] = [],
): LibrarySymbols {
  return {
    path: 'lib.so',
    defined: new Map(defined.map((name) => [name, 1])),
    undefined: new Set(missing),
    callSlots: new Map(slots.map((name) => [name, 1])),
  }
}

const V6 = [
  'pico_ipv6_link_add',
  'pico_ipv6_link_del',
  'pico_ipv6_link_get',
  'pico_ipv6_link_istentative',
  'pico_ipv6_route_add',
  'pico_ipv6_route_del',
]

describe('which picoTCP it is', () => {
  test('by its symbols, before a call', () => {
    expect(abiOf(library(V6))).toEqual({
      generation: 'upstream',
      hasIpv6: true,
      addsWithoutProbe: false,
      needsRandom: false,
    })
    expect(abiOf(library(['pico_stack_deinit', 'pico_ipv6_link_add_no_dad'], ['pico_rand'], ['pico_rand']))).toEqual({
      generation: 'ng',
      hasIpv6: false,
      addsWithoutProbe: true,
      needsRandom: true,
    })
    expect(abiOf(library(['pico_stack_deinit', 'pico_stack_go'])).generation).toBe('ng-tickless')
  })

  test('one that cannot be completed is refused', () => {
    expect(() => abiOf(library(V6, ['pico_rand']))).toThrow(/expects pico_rand from its program/)
    expect(() => abiOf(library(V6, ['pico_timer_add']))).toThrow(/expects pico_timer_add from another library/)
  })

  test("the symbols of a real library: koffi's own, and what is no library", () => {
    const found = process.report.getReport() as unknown as { sharedObjects: string[] }
    const libc = found.sharedObjects.find((path) => /libc\.so/.test(path))
    if (libc !== undefined) expect(readSymbols(libc).defined.has('malloc')).toBe(true)
    const path = join(folder, 'text.so')
    writeFileSync(path, 'no library at all, but longer than the header of one would be, so that it is looked at')
    expect(() => readSymbols(path)).toThrow(/is no library of 64 bits/)
  })
})

describe('a library that is not there, or another one', () => {
  const options = { scheduler: null as never, pool: null as never, interfaces: [] }

  test('is an error in words', async () => {
    const path = join(folder, 'libpicotcp.so')
    await expect(createStack({ ...options, settings: { library: path } })).rejects.toMatchObject({
      code: 'ERR_IOTH_BACKEND_UNUSABLE',
      message: expect.stringMatching(
        /picoTCP: .*libpicotcp\.so.* cannot be loaded: there is no such file.*IOTH_PICOTCP_LIB/,
      ),
    })
    const elf = Buffer.alloc(64)
    elf.writeUInt32BE(0x7f454c46)
    elf[4] = 2
    elf[5] = 1
    elf.writeUInt16LE(process.arch === 's390x' ? 62 : 21, 18)
    writeFileSync(path, elf)
    await expect(createStack({ ...options, settings: { library: path } })).rejects.toThrow(/made for ppc64/)
    await expect(createStack({ ...options, settings: { library: 'libm.so.6' } })).rejects.toThrow(/it lacks pico_err/)
  })

  test('unknown settings are refused by name', async () => {
    const settings = { librari: 'x' } as never
    await expect(createStack({ ...options, settings })).rejects.toThrow(
      /settings of the stack "picotcp" has no "librari"/,
    )
  })

  test('a probe tells what was tried', async () => {
    const before = process.env.IOTH_PICOTCP_LIB
    process.env.IOTH_PICOTCP_LIB = join(folder, 'nowhere.so')
    try {
      expect(await backend.probe()).toMatchObject({
        usable: false,
        tried: [join(folder, 'nowhere.so')],
        reason: expect.stringContaining('IOTH_PICOTCP_LIB'),
        next: expect.stringContaining('export IOTH_PICOTCP_LIB='),
      })
    } finally {
      if (before === undefined) delete process.env.IOTH_PICOTCP_LIB
      else process.env.IOTH_PICOTCP_LIB = before
    }
  })
})
