/** Real programs as nodes of one switch: a server on its standard port, and a client in another process. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programs } from '../programs/programs.mjs'
import { runProgram, startSwitch } from '../programs/run-program.mjs'
import { differences } from '../table/differences.mjs'

const folder = mkdtempSync(join(tmpdir(), 'compat-'))
let network

beforeAll(async () => {
  network = await startSwitch(process.execPath, folder)
})

afterAll(async () => {
  await network.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('unmodified programs, from one node to another', () => {
  for (const [index, program] of programs.entries()) {
    if (program.heavy) continue
    test.concurrent(program.name, async () => {
      const output = await runProgram(program, {
        node: process.execPath,
        major: Number.parseInt(process.versions.node, 10),
        path: network.path,
        subnet: index + 1,
      })
      expect(output).not.toBe('')
      // Who asks is the other node: not the host, and not the server itself.
      for (const line of output.split('\n').filter((each) => /who am I|from/.test(each))) {
        expect(line).toMatch(program.name === 'multicast-dns' ? /SERVER/ : /CLIENT/)
      }
    })
  }
})

test('each known difference is told in docs/compatibility.md', () => {
  const text = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8')
  for (const { reason } of differences) expect(text).toContain(reason)
})
