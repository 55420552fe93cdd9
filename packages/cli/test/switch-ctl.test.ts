/**
 * `ioth switch ctl`: the console of a switch from the command line.
 *
 * @module
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ioth, iothEnds, temporaryFolder } from './support/processes.ts'

test('commands a switch that runs, in text and in JSON', async () => {
  const path = join(temporaryFolder(), 'sw')
  const running = ioth(['switch', path, '-c', 'vlan/create 10', '-c', 'port/setvlan 3 10'])
  await running.prints(/^ioth: switch at /m)
  expect((await iothEnds(['switch', 'ctl', path, 'vlan/print', '10'])).stdout).toBe(
    'VLAN 0010\n -- Port 0003 tagged=0 vlan=0010\n',
  )
  const json = await iothEnds(['switch', 'ctl', path, 'showinfo', '--json'])
  expect(JSON.parse(json.stdout)).toMatchObject({ dir: path, pid: running.child.pid, ports: 0 })
  const wrong = await iothEnds(['switch', 'ctl', path, 'vlan/create', '10'])
  expect([wrong.exitCode, wrong.stdout, wrong.stderr]).toEqual([
    1,
    '',
    `ioth: vlan/create 10: File exists. What there is: ioth switch ctl ${path} help\n`,
  ])
  expect((await iothEnds(['switch', 'ctl', path, 'shutdown'])).exitCode).toBe(0)
  expect((await running.ended).exitCode).toBe(0)
  const gone = await iothEnds(['switch', 'ctl', path, 'help'])
  expect([gone.exitCode, gone.stderr]).toEqual([69, expect.stringMatching(/no such socket.*ioth switch/)])
})

test('bad words', async () => {
  const path = join(temporaryFolder(), 'sw')
  expect((await iothEnds(['switch', 'ctl', path])).stderr).toMatch(/say which switch, and what: ioth switch ctl DIR/)
  expect((await iothEnds(['switch', path, 'port/print'])).stderr).toMatch(/one word too many/)
  const refused = await iothEnds(['switch', path, '-c', 'port/setvlan 3 10'])
  expect([refused.exitCode, refused.stderr]).toEqual([
    64,
    expect.stringMatching(/"port\/setvlan 3 10" fails: .*vlan\/create 10/),
  ])
})
