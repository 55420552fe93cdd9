import { closeSync, fstatSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WOULD_BLOCK } from '@ioth/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeDescriptor, receive, type SocketKind, send, socketPair } from './descriptor.ts'
import { type DescriptorEvents, DescriptorWatch } from './descriptor-watch.ts'
import { errnoError, errnoName, lastErrno } from './errno.ts'
import { koffi } from './koffi.ts'

const text = (into: Uint8Array, count: number): string => Buffer.from(into.subarray(0, count)).toString()

describe('errno', () => {
  test('of a call that failed, by number, name and error', () => {
    const open = koffi().load(null).func('int open(const char *, int)')
    expect(open('/nowhere/at/all', 0)).toBe(-1)
    expect(errnoName(lastErrno())).toBe('ENOENT')
    open('/nowhere/at/all', 0)
    expect(errnoError('open')).toMatchObject({ code: 'ENOENT', syscall: 'open', message: 'open ENOENT' })
  })

  test('a code of core, where two names share a number; a name core does not have; no errno at all', () => {
    expect(errnoName(koffi().os.errno.EWOULDBLOCK as number)).toBe('EAGAIN')
    const number = koffi().os.errno.EXDEV as number
    expect(errnoError('link', number)).toMatchObject({ code: 'EPROTO', message: 'link EXDEV' })
    expect(errnoName(99_999)).toBe(null)
    expect(errnoError('x', 99_999).message).toBe('x errno 99999')
  })
})

describe('socket pairs', () => {
  test.each<SocketKind>(['stream', 'datagram', 'seqpacket'])('%s', (kind) => {
    const [a, b] = socketPair(kind)
    const into = new Uint8Array(9)
    expect(receive(b, into)).toBe(WOULD_BLOCK)
    expect([send(a, Buffer.from('one')), send(a, Buffer.from('two'))]).toEqual([3, 3])
    const first = receive(b, into)
    expect(text(into, first)).toBe(kind === 'stream' ? 'onetwo' : 'one')
    if (kind !== 'stream') expect(text(into, receive(b, into))).toBe('two')
    closeDescriptor(a)
    if (kind === 'datagram') expect(() => send(b, into)).toThrow(/send ECONNREFUSED/)
    else expect(receive(b, into)).toBe(0)
    closeDescriptor(b)
    expect(() => fstatSync(a)).toThrow(/EBADF/)
    expect(() => closeDescriptor(b)).toThrow(/close EBADF/)
    expect(() => receive(b, into)).toThrow(/recv EBADF/)
  })

  test('a full buffer would block', () => {
    const [a, b] = socketPair('datagram')
    const frame = new Uint8Array(1514)
    let sent = 0
    while (send(a, frame) !== WOULD_BLOCK) sent++
    expect(sent).toBeGreaterThan(0)
    for (let i = 0; i < sent; i++) expect(receive(b, frame)).toBe(1514)
    expect(receive(b, frame)).toBe(WOULD_BLOCK)
    closeDescriptor(a)
    closeDescriptor(b)
  })

  test('a peer that has gone is an error, not a signal', () => {
    const [a, b] = socketPair('stream')
    closeDescriptor(b)
    expect(() => send(a, new Uint8Array(1))).toThrow(/send EPIPE/)
    closeDescriptor(a)
  })
})

describe('watching', () => {
  let a: number
  let b: number

  beforeEach(() => {
    ;[a, b] = socketPair('stream')
  })
  afterEach(() => {
    closeDescriptor(a)
    closeDescriptor(b)
  })

  /** A watch, and a promise for each report. */
  function watch(events: DescriptorEvents): { watch: DescriptorWatch; next(): Promise<DescriptorEvents> } {
    const reports: DescriptorEvents[] = []
    let wake = (): void => {}
    const made = new DescriptorWatch(a, events, (report) => {
      reports.push(report)
      wake()
    })
    return {
      watch: made,
      async next() {
        // A promise settled by the report: it would hang if reports came outside of Node's callback scopes.
        while (reports.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        return reports.splice(0)[0] as DescriptorEvents
      },
    }
  }

  test('readable, again while it stays so, then what is asked for next', async () => {
    const { watch: made, next } = watch({ readable: true })
    send(b, Buffer.from('x'))
    expect(await next()).toEqual({ readable: true, writable: false, disconnect: false })
    expect(await next()).toEqual({ readable: true, writable: false, disconnect: false })
    expect(receive(a, new Uint8Array(9))).toBe(1)
    made.watch({ writable: true })
    let event = await next()
    // What was on its way may still be told first.
    if (event.readable) event = await next()
    expect(event).toEqual({ readable: false, writable: true, disconnect: false })
    made.close()
    made.close()
    made.watch({ readable: true })
  })

  test('nothing is reported after close, or for nothing watched', async () => {
    const { watch: made } = watch({ readable: true })
    let reports = 0
    const closing = new DescriptorWatch(b, { writable: true }, () => {
      reports++
      closing.close()
    })
    send(b, Buffer.from('x'))
    made.close()
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(reports).toBe(1)
    watch({}).watch.close()
  })

  test('a watch that nobody holds is not collected', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let told = (_events: DescriptorEvents): void => {}
    const report = new Promise<DescriptorEvents>((resolve) => (told = resolve))
    const unheld = new WeakRef(new DescriptorWatch(a, { readable: true }, (events) => told(events)))
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    send(b, Buffer.from('x'))
    expect((await report).readable).toBe(true)
    unheld.deref()?.close()
  })

  test('what cannot be watched is an error', () => {
    const { watch: made } = watch({ readable: true })
    expect(() => watch({ readable: true })).toThrow(/poll EALREADY: descriptor \d+ is watched already/)
    made.close()
    watch({ readable: true }).watch.close()
    expect(() => new DescriptorWatch(54321, {}, () => {})).toThrow(/EBADF: descriptor 54321 is not open/)
    const file = openSync(fileURLToPath(import.meta.url), 'r')
    expect(() => new DescriptorWatch(file, {}, () => {})).toThrow(/EPERM: descriptor \d+ is a file/)
    closeSync(file)
  })

  test('a disconnection', async () => {
    const { watch: made, next } = watch({ disconnect: true })
    koffi().load(null).func('int shutdown(int, int)')(b, 2)
    expect((await next()).disconnect).toBe(true)
    made.close()
  })
})
