/** Chromium of the system sees the page of a node: by its address, with the host's kernel on the network; and through the proxy, without root. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { iothProgram, programs, type Running, start, temporaryFolder } from './support/processes.ts'
import { iothIn, namespace, skipNamespaces, startIn, whyNamespaces } from './support/world.ts'

const hasChromium = spawnSync('chromium', ['--version']).status === 0
const skip = skipNamespaces || (!hasChromium && !process.env.CI)
const why = hasChromium ? whyNamespaces : ' (skipped: chromium is not installed; apt-get install chromium)'
/** Where a picture of the page is kept for the documentation; without it the picture goes with the test. */
const pictures = process.env.IOTH_PICTURES

const CHROMIUM = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--hide-scrollbars',
  '--window-size=960,420',
  // Virtual time: until the page's script has fetched what it wants.
  '--virtual-time-budget=5000',
]

test.skipIf(skip)(
  `Chromium renders a node's page by its address${why}`,
  async () => {
    const host = await namespace()
    const folder = temporaryFolder()
    const dir = join(folder, 'lan')
    const env = { IOTH_STATE_DIR: join(folder, 'state') }
    const started = await iothIn(host, ['vde', 'start', '10.40.0.1/24', dir], { env }).ended
    expect(started.exitCode, started.stderr).toBe(0)
    try {
      const app = iothIn(host, ['run', `${programs}/express-page.mjs`, '-a', '10.40.0.32', '-f', dir])
      await app.prints(/ready/)
      const picture = join(pictures ?? folder, 'page-by-address.png')
      const look = (...words: string[]): Promise<Running> =>
        startIn(host, 'chromium', [...CHROMIUM, `--user-data-dir=${folder}/profile`, ...words, 'http://10.40.0.32/'])
          .ended
      const page = await look('--dump-dom')
      expect(page.stdout).toMatch(/id="server">10\.40\.0\.32 port 80<.*id="client">10\.40\.0\.1</s)
      expect(page.stdout).toContain('A script of this page fetched 3 items.')
      expect((await look(`--screenshot=${picture}`)).output).toMatch(/\d+ bytes written to file/)
    } finally {
      await iothIn(host, ['vde', 'stop', dir], { env }).ended
    }
  },
  180_000,
)

test.skipIf(skip || (process.getuid?.() !== 0 && !process.env.CI))(
  `Chromium sees it through ioth proxy, all of it without root${why}`,
  async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    mkdirSync(home)
    for (const path of [folder, home]) chownSync(path, 65534, 65534)
    const asNobody = (program: string, ...words: string[]): Running =>
      start('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', program, ...words], {
        cwd: '/',
        env: { HOME: home, XDG_RUNTIME_DIR: undefined },
      })
    const ioth = (...words: string[]): Running => asNobody(process.execPath, iothProgram, ...words)
    const dir = join(folder, 'lan')
    await ioth('switch', dir).prints(/switch at/)
    await ioth('run', `${programs}/express-page.mjs`, '-a', '10.40.0.32', '-f', dir).prints(/ready/)
    const [, at] = await ioth('proxy', '0', '-f', dir, '-a', '10.40.0.9/24').prints(/proxy at (127\.0\.0\.1:\d+)/)
    const profile = `--user-data-dir=${home}/profile`
    for (const scheme of ['socks5', 'http']) {
      const page = await asNobody(
        'chromium',
        ...CHROMIUM,
        profile,
        `--proxy-server=${scheme}://${at}`,
        '--dump-dom',
        'http://10.40.0.32/',
      ).ended
      expect(page.stdout, page.stderr).toMatch(/id="server">10\.40\.0\.32 port 80<.*id="client">10\.40\.0\.9</s)
      expect(page.stdout).toContain('A script of this page fetched 3 items.')
    }
  },
  180_000,
)
