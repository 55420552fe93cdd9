import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import Module from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { backend } from '@ioth/stack-ts'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseIpAddress } from '../address/index.ts'
import type { Backend, Link, Stack, StackOptions } from '../contract/index.ts'
import { createPipe } from '../links/index.ts'
import { createVirtualScheduler, defaultPool } from '../time/index.ts'
import { createStack } from './create-stack.ts'
import { findBackends } from './find-backends.ts'
import { loadBackend } from './load-backend.ts'

let root: string

// pnpm's launchers set NODE_PATH, by which everything of this workspace would be found from everywhere.
beforeAll(() => {
  delete process.env.NODE_PATH
  ;(Module as unknown as { _initPaths(): void })._initPaths()
})

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'registry-')))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function write(path: string, text: string): string {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

const source = (name: string, usable = true) => `
  const probe = async () => (${usable} ? { usable: true, tried: [] } : { usable: false, tried: ['libx.so.1'], reason: 'libx is missing', next: 'apt install libx' })
  export const backend = { name: '${name}', license: 'MIT', capabilities: { links: 'frames' }, probe, createStack: async (options) => ({ options }) }`

/** A package as npm lays it down; `conditions` are those of its export. */
function install(
  folder: string,
  name: string,
  text = source(name),
  conditions: object = { default: './main.mjs' },
): void {
  write(`${folder}/node_modules/${name}/package.json`, JSON.stringify({ name, exports: { '.': conditions } }))
  write(`${folder}/node_modules/${name}/main.mjs`, text)
}

const from = (...folders: string[]) => ({ from: folders.map((folder) => join(root, folder)) })

describe('loading a backend by name', () => {
  test('our package comes before others, others before a path', async () => {
    for (const folder of ['a', 'b', 'c']) write(`${folder}/one.mjs`, source('path'))
    for (const folder of ['b', 'c']) install(folder, 'ioth-backend-one')
    install('c', '@ioth/backend-one')
    expect((await loadBackend('one', from('a'))).name).toBe('path')
    expect((await loadBackend('one', from('b'))).name).toBe('ioth-backend-one')
    expect((await loadBackend('one', from('c'))).name).toBe('@ioth/backend-one')
  })

  test('the first folder that has it counts', async () => {
    install('program', 'ioth-backend-one', source('of the program'))
    install('command', 'ioth-backend-one', source('of the command'))
    install('command', 'ioth-backend-two')
    const folders = from('program', 'nowhere', 'command')
    expect((await loadBackend('one', folders)).name).toBe('of the program')
    expect((await loadBackend('two', folders)).name).toBe('ioth-backend-two')
  })

  test('ts is @ioth/stack-ts', async () => {
    install('app', '@ioth/stack-ts', source('ts'))
    expect((await loadBackend('ts', from('app'))).name).toBe('ts')
  })

  test('a package with a scope; one that is only there for import; a default export', async () => {
    const text = source('acme').replace('const backend =', 'default')
    install('app', '@acme/tcp', text, { types: './main.d.ts', node: { import: './main.mjs' } })
    expect((await loadBackend('@acme/tcp', from('app'))).name).toBe('acme')
  })

  test.each(['./mine.mjs', './mine', 'mine', 'mine.mjs', './folder'])('a path: %s', async (name) => {
    write('app/mine.mjs', source('mine'))
    write('app/folder/index.js', source('mine').replace('export const backend =', 'exports.backend ='))
    expect((await loadBackend(name, from('app'))).name).toBe('mine')
  })

  test('an absolute path', async () => {
    expect((await loadBackend(write('mine.mjs', source('mine')), from('app'))).name).toBe('mine')
  })
})

describe('what is refused, and what the message says', () => {
  test('not found: all that was tried, and what to install', async () => {
    await expect(loadBackend('x9', from('app', 'own'))).rejects.toMatchObject({
      code: 'ERR_IOTH_BACKEND_NOT_FOUND',
      message: `there is no backend "x9". Tried @ioth/backend-x9, ioth-backend-x9, the file x9, from ${root}/app, ${root}/own. Install it with: npm install @ioth/backend-x9. See what there is: ioth backends`,
    })
    await expect(loadBackend('picotpc', from('app'))).rejects.toThrow(/Did you mean "picotcp"\?/)
    await expect(loadBackend('./x.mjs', from('app'))).rejects.toThrow(/Tried .\/x.mjs, from .*Check the path/)
  })

  test.each([
    ['export default {}', /its "name" is undefined, not string/],
    ['export const answer = 42', /it exports none/],
    ['throw new Error("boom")', /cannot be loaded: boom/],
    [source('x').replace('probe,', ''), /its "probe" is undefined, not function/],
  ])('found, but no backend: %s', async (text, message) => {
    const file = write('bad.mjs', text)
    await expect(loadBackend(file)).rejects.toMatchObject({ code: 'ERR_IOTH_BACKEND_UNUSABLE' })
    await expect(loadBackend(file)).rejects.toThrow(message)
  })
})

test('findBackends lists the known, the installed and the broken ones', async () => {
  install('app', '@ioth/stack-ts', source('ts'))
  install('app', '@ioth/backend-lwipv6', source('lwipv6', false))
  install('app', 'ioth-backend-other')
  install('app', 'ioth-backend-broken', 'throw new Error("boom")')
  const found = new Map((await findBackends(from('app'))).map((entry) => [entry.name, entry]))
  expect([...found.keys()].sort()).toEqual(['broken', 'fdpicotcp', 'lwipv6', 'other', 'picotcp', 'ts'])
  expect(found.get('ts')).toMatchObject({
    probe: { usable: true, path: `${root}/app/node_modules/@ioth/stack-ts/main.mjs` },
  })
  expect(found.get('lwipv6')).toMatchObject({ probe: { usable: false, next: 'apt install libx' } })
  expect(found.get('other')).toMatchObject({ backend: { name: 'ioth-backend-other' } })
  expect(found.get('broken')).toMatchObject({ backend: null, probe: { usable: false } })
  expect(found.get('picotcp')?.probe).toEqual({
    usable: false,
    tried: ['@ioth/backend-picotcp', 'ioth-backend-picotcp'],
    reason: 'not installed',
    next: 'npm install @ioth/backend-picotcp',
  })
})

describe('createStack', () => {
  const scheduler = createVirtualScheduler()
  const pool = defaultPool()
  const seen = async (stack: Promise<Stack>) => ((await stack) as unknown as { options: StackOptions }).options

  test('hands the configuration to the backend, with a link at hand', async () => {
    const [link] = createPipe({ scheduler, pool })
    const backend = write('b.mjs', source('b'))
    const options = await seen(
      createStack(`stack=${backend},ip=10.0.0.1,gw=10.0.0.254,dns=10.0.0.2,fqdn=web0,iface=web0,set.probe=rfc`, {
        link,
        scheduler,
        pool,
        limits: { sockets: 7 },
      }),
    )
    expect(options).toEqual({
      scheduler,
      pool,
      name: 'web0',
      gateways: ['10.0.0.254'],
      nameServers: ['10.0.0.2'],
      searchDomains: [],
      settings: { probe: 'rfc' },
      limits: { sockets: 7 },
      interfaces: [{ link, name: 'web0', addresses: ['10.0.0.1/24'], dhcp: false, slaac: false }],
    })
  })

  test('opens the network by @ioth/vde, creates its switch when told to, and closes the link when the stack fails', async () => {
    const log: unknown[] = []
    Object.assign(globalThis, { networkLog: log })
    install(
      'app',
      '@ioth/vde',
      `const log = globalThis.networkLog
       export const parseVnl = (vnl) => ({ module: 'vde', address: vnl })
       export const openDefaultNetwork = async ({ dir }) => void log.push('create ' + dir)
       export const openVnl = async (vnl, { mtu, name }) => {
         log.push(['open', vnl, mtu, name])
         return { close: async () => void log.push('closed') }
       }`,
    )
    const failing = {
      ...(await loadBackend(write('b.mjs', source('b')))),
      createStack: () => Promise.reject(new Error('no')),
    }
    const search = from('app')
    await createStack(
      { vnl: '/tmp/x', create: true, mtu: 9000, name: 'web0' },
      { ...search, backend: { ...failing, createStack: async () => ({}) as Stack } },
    )
    await expect(createStack({ type: 'tap', device: 'tap9' }, { ...search, backend: failing })).rejects.toThrow('no')
    expect(log).toEqual([
      'create /tmp/x',
      ['open', '/tmp/x', 9000, 'web0'],
      ['open', 'tap://tap9', undefined, undefined],
      'closed',
    ])
  })

  test('what stands between is put around the network that was opened', async () => {
    install('app', '@ioth/vde', `export const openVnl = async (name) => ({ name })`)
    const backend = await loadBackend(write('b.mjs', source('b')))
    const around = { name: 'capture' } as Link
    const wrap = (link: Link): Link => (link.name === '/tmp/x' ? around : link)
    const options = await seen(createStack({ vnl: '/tmp/x' }, { backend, wrap, ...from('app') }))
    expect(options.interfaces[0]?.link).toBe(around)
  })

  test('onFrame sees every frame both ways, onEvent what happens; what they throw harms nobody', async () => {
    const [link, far] = createPipe({ scheduler, pool })
    const other = backend.createStack({
      scheduler,
      pool,
      interfaces: [{ link: far, addresses: ['10.0.0.2/24'] }],
    })
    const frames: string[] = []
    const events: string[] = []
    const stack = createStack('ip=10.0.0.1', {
      backend,
      link,
      scheduler,
      pool,
      onFrame: (direction, frame, at) => {
        frames.push(`${direction} ${frame.length} ${frame[12]}.${frame[13]}`)
        expect(at).toBe(scheduler.clock.now)
      },
      onEvent: ({ kind, address }) => events.push(`${kind} ${address}`),
    })
    await scheduler.settle(100_000)
    const answer = (await stack).ping(parseIpAddress('10.0.0.2'))
    await scheduler.settle(100_000)
    expect(await answer).toMatchObject({ size: 56 })
    expect(frames.slice(-2)).toEqual(['out 98 8.0', 'in 98 8.0'])
    expect(frames).toContain('out 42 8.6')
    expect(events).toEqual(['address-added 10.0.0.1'])
    await Promise.all([(await stack).close(), (await other).close(), scheduler.settle(100_000)])
  })

  test('onFrame cannot see the frames of a backend that opens networks itself, and says so', async () => {
    const vnl = await loadBackend(write('b.mjs', source('b').replace("'frames'", "'vnl'")))
    await expect(createStack({}, { backend: vnl, onFrame: () => {} })).rejects.toMatchObject({
      code: 'ERR_IOTH_NOT_IMPLEMENTED',
    })
  })

  test('a backend that opens networks itself gets the locator', async () => {
    const backend = await loadBackend(write('b.mjs', source('b').replace("'frames'", "'vnl'")))
    const options = await seen(createStack({ vnl: 'vxvde://' }, { backend }))
    expect(options.interfaces[0]?.link).toEqual({ vnl: 'vxvde://' })
  })

  test('a backend that cannot be used here says why and what to type', async () => {
    const backend = (await loadBackend(write('b.mjs', source('b', false)))) satisfies Backend
    await expect(createStack({}, { backend })).rejects.toMatchObject({
      code: 'ERR_IOTH_BACKEND_UNUSABLE',
      message: expect.stringMatching(
        /^the backend "b" cannot be used here: libx is missing. Tried libx.so.1. apt install libx. Those that can: /,
      ),
    })
  })

  test('without @ioth/vde the error says what to install', async () => {
    const backend = await loadBackend(write('b.mjs', source('b')))
    await expect(createStack({ vnl: '/tmp/x' }, { backend, ...from('app') })).rejects.toMatchObject({
      code: 'ERR_IOTH_NETWORK',
      message: expect.stringContaining('npm install @ioth/vde'),
    })
  })
})
