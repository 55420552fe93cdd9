/**
 * A browser tab is a node of the network: a real page joins a switch by WebSocket and fetches from a program under `ioth run`.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { expect, onTestFinished, test } from 'vitest'
import { chromium, evaluateInPage } from '../../stack-ts/test/chromium.ts'
import { ioth, temporaryFolder } from './support/processes.ts'

async function bundle(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'ioth-tab-'))
  onTestFinished(() => rmSync(outDir, { recursive: true, force: true }))
  await build({
    entry: { tab: join(import.meta.dirname, 'programs/tab.ts') },
    outDir,
    format: ['iife'],
    globalName: 'tab',
    platform: 'browser',
    noExternal: [/./],
    config: false,
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@ioth/source']
      options.logLevel = 'silent'
    },
  })
  return readFileSync(join(outDir, 'tab.global.js'), 'utf8')
}

test.skipIf(chromium === null && !process.env.CI)(
  `a tab fetches from a program on the network${chromium === null ? ' (skipped: no Chromium)' : ''}`,
  async () => {
    const path = join(temporaryFolder(), 'sw')
    // An empty page's origin is "null".
    const running = ioth(['switch', path, '--ws', '--ws-origin', 'null'])
    const [, url] = await running.prints(/WebSockets at (ws:\S+)/)
    await running.prints(/switch at /)
    const server = ioth(['run', '-q', '-a', '10.40.0.32/24', '-f', path, 'packages/cli/test/programs/hello-server.mjs'])
    await server.prints(/listening/)
    const call = `tab.fetchFrom(${JSON.stringify(url)}, '10.40.0.9/24', '10.40.0.32')`
    const answer = await evaluateInPage(chromium ?? 'chromium', `${await bundle()};${call}`)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\n(6\r\n)?hello\n/)
  },
)
