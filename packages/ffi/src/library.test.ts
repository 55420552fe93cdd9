import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LibraryRequest, openLibrary, probeLibrary } from './library.ts'

// The C library itself, by the names it has on Linux (glibc, musl) and macOS.
const LIBC = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libSystem.B.dylib']
const request: LibraryRequest = {
  title: 'the C library',
  names: ['libnot-there.so.9', ...LIBC],
  variable: 'IOTH_TEST_LIB',
  install: 'apt install libc6',
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'library-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  delete process.env.IOTH_TEST_LIB
})

describe('openLibrary', () => {
  test('tries the names in their order, and the functions work', () => {
    const { handle, path, tried } = openLibrary(request)
    expect(LIBC).toContain(path)
    expect(tried).toEqual(request.names.slice(0, request.names.indexOf(path) + 1))
    expect(handle.func('int getpid()')()).toBe(process.pid)
  })

  test('pinned: it stays in memory, and works as well', () => {
    const { handle } = openLibrary({ ...request, pinned: true, lazy: true, global: true })
    expect(handle.func('int getpid()')()).toBe(process.pid)
  })

  test('the environment variable comes before the names, the given path before both', () => {
    const { path } = openLibrary(request)
    process.env.IOTH_TEST_LIB = '/nowhere/lib.so'
    expect(() => openLibrary(request)).toThrow(
      'the C library: /nowhere/lib.so, IOTH_TEST_LIB, cannot be loaded: there is no such file. Type: apt install libc6',
    )
    expect(openLibrary({ ...request, path }).path).toBe(path)
    expect(() => openLibrary({ ...request, path: '/nowhere/mine.so' })).toThrow(
      /mine.so, the path that was given, cannot/,
    )
  })

  test('not found: all that was tried, and what to type', () => {
    const attempt = () => openLibrary({ ...request, names: ['liba.so.1', 'liba.so'] })
    expect(attempt).toThrow('the C library is not installed. Tried liba.so.1, liba.so. Type: apt install libc6')
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_IOTH_BACKEND_UNUSABLE', syscall: 'dlopen' }))
  })

  test('found, but no library: says so, and looks no further', () => {
    const file = join(folder, 'text.so')
    writeFileSync(file, 'this is no library, though it is long enough to be taken for one at first sight')
    expect(() => openLibrary({ ...request, names: [file, ...LIBC] })).toThrow(
      /text.so cannot be loaded: it is no shared library/,
    )
  })

  test('made for another processor: says for which', () => {
    const file = join(folder, 'foreign.so')
    const head = Buffer.alloc(64)
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    head.writeUInt16LE(process.arch === 's390x' ? 62 : 22, 18)
    writeFileSync(file, head)
    expect(() => openLibrary({ ...request, path: file })).toThrow(
      /foreign.so, the path that was given, cannot be loaded: it is made for (s390x|x64), and this Node.js runs on /,
    )
  })

  test.runIf(process.platform === 'linux')('cut short: says so before the loader maps what is not there', () => {
    const file = join(folder, 'short.so')
    const { path } = openLibrary({ ...request, symbols: ['getpid'] })
    const whole = readFileSync(path)
    writeFileSync(file, whole.subarray(0, whole.length / 3))
    expect(() => openLibrary({ ...request, path: file })).toThrow(
      /short.so, .* cannot be loaded: it is cut short. Type:/,
    )
    writeFileSync(file, whole.subarray(0, 70))
    expect(() => openLibrary({ ...request, path: file })).toThrow(/it is cut short/)
    expect(() => openLibrary({ ...request, path: folder })).toThrow(/cannot be loaded: it is a directory/)
  })

  test.runIf(process.platform === 'linux')('lacks a library of its own: says which, and what to type for that', () => {
    const file = join(folder, 'dependent.so')
    const { path } = openLibrary({
      title: 'the maths library',
      names: ['libm.so.6'],
      symbols: ['cos'],
      install: 'libc6',
    })
    // It needs the C library by its name, which is in its table of names only once.
    const octets = readFileSync(path).toString('latin1').replaceAll('libc.so.6', 'libx.so.6')
    writeFileSync(file, octets, 'latin1')
    for (const wanted of [{ path: file }, { names: [file] }]) {
      const attempt = () => openLibrary({ ...request, ...wanted, needs: { libx: 'apt install libx6' } })
      expect(attempt).toThrow(
        /dependent.so.* cannot be loaded: it needs libx.so.6, which is not here. Type: apt install libx6/,
      )
    }
  })

  test('lacks what is needed: names it before anything is called', () => {
    const names = ['getpid', 'lwip_add_vdeif', 'b', 'c', 'd']
    expect(() => openLibrary({ ...request, symbols: names })).toThrow(
      /is not what is needed: it lacks lwip_add_vdeif, b, c and 1 more. It is another library, or another version of it. Type: /,
    )
  })

  test.runIf(existsSync('/proc/self/fd'))('tells the file it found, and loads copies that share nothing', () => {
    const maths = { title: 'the maths library', names: ['libm.so.6', 'libm.so'], symbols: ['cos'], install: 'libc6' }
    const first = openLibrary(maths)
    expect(first.path).toMatch(/^\/.*libm\.so/)
    const copies = [openLibrary({ ...maths, privateCopy: true }), openLibrary({ ...maths, privateCopy: true })]
    expect(copies.map(({ handle }) => handle.func('double cos(double)')(0))).toEqual([1, 1])
    expect(new Set([first, ...copies].map(({ handle }) => handle.symbol('cos'))).size).toBe(3)
    for (const { handle } of copies) handle.unload()
    expect(first.handle.func('double cos(double)')(0)).toBe(1)
  })
})

test('probeLibrary tells instead of throwing', () => {
  expect(probeLibrary(request)).toMatchObject({ usable: true, tried: request.names })
  expect(probeLibrary({ ...request, names: ['liba.so'] })).toEqual({
    usable: false,
    tried: ['liba.so'],
    reason: 'the C library is not installed',
    next: 'apt install libc6',
  })
})
