import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isOurs, withNode, withPreload } from './inheritance.ts'

test('the preload comes first, and once', () => {
  expect(withPreload(undefined, '/a/preload.cjs')).toBe('--require /a/preload.cjs')
  expect(withPreload('  ', '/a/preload.cjs')).toBe('--require /a/preload.cjs')
  const both = withPreload('--max-old-space-size=100', '/a/preload.cjs')
  expect(both).toBe('--require /a/preload.cjs --max-old-space-size=100')
  expect(withPreload(both, '/a/preload.cjs')).toBe(both)
})

test('an environment gets the description and the preload', () => {
  const node = ['{"pid":1}', '/a/preload.cjs'] as const
  expect(withNode(['A=1'], ...node)).toEqual(['A=1', 'NODE_OPTIONS=--require /a/preload.cjs', 'IOTH_NODE={"pid":1}'])
  const own = withNode(['NODE_OPTIONS=--no-warnings', 'A=1', 'IOTH_NODE={}'], ...node)
  expect(own).toEqual(['A=1', 'NODE_OPTIONS=--require /a/preload.cjs --no-warnings', 'IOTH_NODE={"pid":1}'])
})

test('a copy of the environment from before the node was shared is no word of the program’s', () => {
  const published = new Set(['{"pid":1}', '{"pid":1,"join":{}}'])
  expect(isOurs(['A=1'], published)).toBe(true)
  for (const said of published) expect(isOurs(['A=1', `IOTH_NODE=${said}`], published)).toBe(true)
  for (const said of ['', '{"pid":2}']) expect(isOurs([`IOTH_NODE=${said}`], published)).toBe(false)
})

test('Node finds a preload whose path has spaces, quotes and backslashes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ioth "quoted\\" path '))
  const preload = join(folder, 'preload.cjs')
  writeFileSync(preload, 'console.log("found")')
  const env = { ...process.env, NODE_OPTIONS: withPreload('--no-warnings', preload) }
  expect(execFileSync(process.execPath, ['-e', ''], { env, encoding: 'utf8' })).toBe('found\n')
  rmSync(folder, { recursive: true })
})
