/** The stack in a browser: a bundle with no module of Node in it, and that bundle in a real page. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromium, evaluateInPage } from './chromium.ts'

const folder: string = mkdtempSync(join(tmpdir(), 'ioth-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Bundle {
  readonly text: string
  /** What the bundle imports and does not contain. */
  readonly imports: readonly string[]
}

/** Bundles a module for browsers from the sources, with all it imports. */
async function bundle(name: string, entry: string): Promise<Bundle> {
  const outDir = join(folder, name)
  await build({
    entry: { page: join(import.meta.dirname, entry) },
    outDir,
    format: ['iife'],
    globalName: 'page',
    platform: 'browser',
    noExternal: [/./],
    removeNodeProtocol: false,
    config: false,
    silent: true,
    metafile: true,
    esbuildOptions: (options) => {
      options.conditions = ['@ioth/source']
      options.logLevel = 'silent'
    },
  })
  const { outputs } = JSON.parse(readFileSync(join(outDir, 'metafile-iife.json'), 'utf8')) as {
    outputs: Record<string, { imports: { path: string }[] }>
  }
  return {
    text: readFileSync(join(outDir, 'page.global.js'), 'utf8'),
    imports: Object.values(outputs).flatMap((output) => output.imports.map(({ path }) => path)),
  }
}

describe('a bundle for browsers', () => {
  let page: Bundle
  beforeAll(async () => {
    page = await bundle('page', 'programs/page.ts')
  })

  it('contains core and the stack, and imports nothing, least of all from Node', () => {
    expect(page.text).toContain('retransmit')
    expect(page.imports).toEqual([])
    expect(page.text).not.toMatch(/\b(import|require)\s*\(?\s*["']/)
  })

  it('holds the DNS codec only with the services', async () => {
    const services = await bundle('services', '../../core/src/services.ts')
    expect(services.imports).toEqual([])
    expect(services.text).not.toMatch(/\b(import|require)\s*\(?\s*["']/)
    const codec = 'Cannot decode name'
    expect(services.text).toContain(codec)
    expect(page.text).not.toContain(codec)
  })

  it('of what is for Node cannot be made', async () => {
    await expect(bundle('node', '../../core/src/registry.ts')).rejects.toThrow('Could not resolve "node:fs"')
  })

  // Under CI a missing browser is a failure, not a skip.
  it.skipIf(chromium === null && !process.env.CI)(
    `runs in Chromium: two stacks in a page, one serves, the other fetches${chromium === null ? ' (skipped: chromium is not installed; apt-get install chromium)' : ''}`,
    async () => {
      if (chromium === null) throw new Error('chromium is not installed; apt-get install chromium')
      const result = await evaluateInPage(chromium, `${page.text}\npage.run()`)
      expect(result).toEqual({ status: 'HTTP/1.0 200 OK', octets: 200_000, isIntact: true, dropped: 0, slotsLeft: 0 })
    },
  )
})
