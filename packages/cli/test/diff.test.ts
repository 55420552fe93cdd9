/** `ioth diff`: the same program and client on several backends. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LoggedCall } from '../src/diff/call-log.ts'
import { firstCorruption, firstDivergence, type Run } from '../src/diff/compare.ts'
import { lanesOf } from '../src/diff/transcript.ts'
import { examples, iothEnds, programs } from './support/processes.ts'

const server = join(examples, 'http-server.mjs')
const defective = join(programs, 'defective-backend.mjs')

test('two stacks of one backend show no difference', async () => {
  const { stdout, exitCode, stderr } = await iothEnds(['diff', server, '--backends', 'ts,ts'])
  expect(stdout, stderr).toMatch(/^ts and ts: no difference in \d\d calls on 6 sockets\n$/)
  expect(exitCode).toBe(0)
})

test.each([
  [
    'end',
    /differ at call \d+ of the client, tcp 2, what it received:\n {2}ts .* read 200\d+ octets\n {2}.* {2}read 150000 octets\n$/,
  ],
  [
    'refused',
    /differ at call \d+ of the client, tcp 3, what became of it:\n {2}both .*connect 10.99.0.1 9\n {2}ts +failed -> ECONNREFUSED\n {2}.*failed -> ETIMEDOUT\n$/,
  ],
  [
    'octet',
    /differ at call \d+ of the client, tcp 2, what it received:\n {2}written .*\n {2}read .*, different from octet 4096 on\n$/,
  ],
  [
    'accept',
    /differ at call 3 of the server, tcp 1, what became of it:\n {2}both +bind :: 80\n {2}both +listen 511\n {2}ts +accept tcp 2 from 10.99.0.2 \*\n {2}.* accept tcp 2 from 10.99.0.2 1\n$/,
  ],
])('finds a planted defect: %s', async (defect, expected) => {
  const { stdout, exitCode, stderr } = await iothEnds(['diff', server, '--backends', `ts,${defective}`], {
    env: { DEFECT: defect },
  })
  expect(stdout, stderr).toMatch(expected)
  expect(exitCode).toBe(1)
})

test('says what it needs', async () => {
  const one = await iothEnds(['diff', server, '--backends', 'ts'])
  expect([one.exitCode, one.stderr]).toEqual([64, expect.stringContaining('two backends at least')])
  const none = await iothEnds(['diff', 'nowhere.mjs', '--backends', 'ts,ts'])
  expect([none.exitCode, none.stderr]).toEqual([66, 'ioth: there is no file nowhere.mjs.\n'])
  const unknown = await iothEnds(['diff', server, '--backends', 'ts,nosuch'])
  expect([unknown.exitCode, unknown.stderr]).toEqual([69, expect.stringContaining('nosuch')])
})

const call = (
  socket: string,
  name: string,
  detail = '',
  result = 'ok',
  octets?: number,
  blocks?: number[],
): LoggedCall => ({
  at: 0,
  socket,
  call: name,
  detail,
  result,
  ...(octets === undefined ? {} : { octets }),
  ...(blocks === undefined ? {} : { blocks }),
})
const run = (backend: string, calls: readonly LoggedCall[], output: readonly string[] = []): Run => ({
  backend,
  programs: [{ name: 'server', calls, output }],
})

test('how reads are cut, and how input and output interleave, is no difference', () => {
  const one = [
    call('tcp 1', 'read', '', 'ok', 10),
    call('tcp 1', 'write', '', 'ok', 5),
    call('tcp 1', 'read', '', 'end'),
  ]
  const two = [
    call('tcp 1', 'write', '', 'ok', 5),
    call('tcp 1', 'read', '', 'ok', 4),
    call('tcp 1', 'read', '', 'ok', 6),
    call('tcp 1', 'read', '', 'end'),
    call('tcp 1', 'closed'),
  ]
  expect(firstDivergence(run('a', one), run('b', two))).toBeNull()
  expect(lanesOf('server', two).map(({ lane, steps }) => [lane, steps.map(({ text }) => text)])).toEqual([
    ['out', ['write 5 octets']],
    ['in', ['read 10 octets', 'read -> end of stream']],
    ['life', []],
  ])
})

test('an end counts for who waits for it, and not for who closes by itself', () => {
  const talk = [call('tcp 1', 'read', '', 'ok', 10), call('tcp 1', 'read', '', 'end')]
  const [answer] = talk as [LoggedCall]
  const close = call('tcp 1', 'close')
  expect(firstDivergence(run('a', [...talk, close]), run('b', [answer, close]))).toBeNull()
  expect(firstDivergence(run('a', talk), run('b', [answer]))).toMatchObject({ saw: [{}, { what: 'nothing more' }] })
  expect(firstDivergence(run('a', [...talk, close]), run('b', [answer]))).not.toBeNull()
  const less = call('tcp 1', 'read', '', 'ok', 9)
  expect(firstDivergence(run('a', [...talk, close]), run('b', [less, close]))).toMatchObject({ lane: 'in' })
})

test('the first difference is the earliest call, and what is printed counts, too', () => {
  const one = [call('tcp 1', 'bind', ':: 80'), call('tcp 2', 'bind', ':: 81'), call('tcp 2', 'listen', '5')]
  const two = [call('tcp 1', 'bind', ':: 80'), call('tcp 2', 'bind', ':: 81', 'EADDRINUSE')]
  expect(firstDivergence(run('a', one), run('b', two))).toMatchObject({
    socket: 'tcp 2',
    call: 1,
    saw: [{ what: 'bind :: 81' }, { what: 'bind :: 81 -> EADDRINUSE' }],
  })
  expect(firstDivergence(run('a', one, ['x', 'y']), run('b', one, ['x', 'z']))).toMatchObject({
    lane: 'output',
    before: ['x'],
    saw: [{ what: 'y' }, { what: 'z' }],
  })
  expect(firstDivergence(run('a', one), run('b', one.slice(0, 2)))).toMatchObject({
    saw: [{ what: 'listen 5' }, { what: 'nothing more' }],
  })
})

test('more octets than were written are corruption as well', () => {
  const talk: Run = {
    backend: 'a',
    programs: [
      {
        name: 'client',
        output: [],
        calls: [call('tcp 1', 'connected', 'from 10.0.0.2 5'), call('tcp 1', 'write', '', 'ok', 3)],
      },
      {
        name: 'server',
        output: [],
        calls: [call('tcp 1', 'accept', 'tcp 2 from 10.0.0.2 5'), call('tcp 2', 'read', '', 'ok', 4)],
      },
    ],
  }
  expect(firstCorruption(talk)).toMatchObject({ program: 'server', socket: 'tcp 2' })
})
