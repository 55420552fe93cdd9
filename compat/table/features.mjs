/**
 * The rows of the table. A row is a file of checks, each of which is a line of its own, or scripts whose output, exit code and signal are
 * compared.
 */
import { fileURLToPath } from 'node:url'

const script = (name, file, args = [], options = {}) => ({ name, file: path(`../scripts/${file}`), args, ...options })
/** Something that finds Node by itself. */
const command = (name, words) => ({ name, command: words })
const scripts = (name, file, cases) => cases.map((each) => script(`${name}: ${each}`, file, [each]))

export const rows = [
  { number: 1, title: 'web frameworks', checks: path('../checks/web-frameworks.mjs') },
  { number: 2, title: 'HTTP clients', checks: path('../checks/clients.mjs') },
  { number: 3, title: 'WebSockets', checks: path('../checks/web-sockets.mjs') },
  { number: '4-6', title: 'https, tls, http2', checks: path('../checks/encrypted.mjs') },
  { number: 7, title: 'services', checks: path('../checks/services.mjs') },
  { number: '8, 16', title: 'http', checks: path('../checks/http.mjs') },
  { number: '9, 10, 14', title: 'net', checks: path('../checks/sockets.mjs') },
  { number: 11, title: 'errors', checks: path('../checks/errors.mjs') },
  { number: 12, title: 'families of addresses', checks: path('../checks/families.mjs') },
  { number: 13, title: 'observers', checks: path('../checks/observers.mjs') },
  { number: 15, title: 'dgram', checks: path('../checks/datagrams.mjs') },
  {
    number: 17,
    title: 'exceptions',
    scripts: [
      script('an exception in a data listener: handled', 'exceptions.mjs', ['handled']),
      script('an exception in a data listener: fatal', 'exceptions.mjs', ['fatal'], { ends: 'exit code 1' }),
    ],
  },
  {
    number: 18,
    title: 'the end by itself',
    scripts: scripts('the process ends', 'idle.mjs', [
      'nothing',
      'server.unref',
      'unref of all',
      'paused sockets',
      'server.close, sockets ended',
      'destroyed sockets',
      'an idle agent',
      'fetch',
      'datagrams, unref',
      'a connection refused',
    ]),
  },
  {
    number: 19,
    title: 'the process tree',
    scripts: scripts('one node', 'tree.mjs', [
      'file worker',
      'eval worker',
      'worker, env: {}',
      'worker, env: {}, execArgv: []',
      'fork',
      'spawn, env: {}',
      'through a shell',
      'execFileSync',
      'two forks, an old copy of the environment',
    ]),
  },
  { number: 20, title: 'cluster', scripts: scripts('cluster, two workers', 'cluster.mjs', ['rr', 'none']) },
  { number: 21, title: 'names', checks: path('../checks/names.mjs') },
  {
    number: 22,
    title: 'the program as usual',
    scripts: [
      script('arguments', 'witness.mjs', ['arguments', '-a', '--', '--inspect', '', 'ü']),
      script('standard input, 1 MB through a pipe', 'witness.mjs', ['stdin'], { input: 'x'.repeat(1 << 20) }),
      script('process.exit', 'witness.mjs', ['code'], { ends: 'exit code 42' }),
      script('process.exitCode', 'witness.mjs', ['exitCode'], { ends: 'exit code 43' }),
      script('an uncaught exception', 'witness.mjs', ['throw'], { ends: 'exit code 1' }),
      script('an unhandled rejection', 'witness.mjs', ['reject'], { ends: 'exit code 1' }),
      script('SIGKILL', 'witness.mjs', ['abort'], { ends: 'by SIGKILL' }),
      script('SIGTERM, handled', 'witness.mjs', ['signal'], { signal: 'SIGTERM', ends: 'exit code 7' }),
      script('SIGTERM, fatal', 'witness.mjs', ['killed'], { signal: 'SIGTERM', ends: 'by SIGTERM' }),
      script('require.main of an ES module’s', 'witness.mjs', ['require']),
      script('require.main', 'witness-main.cjs', ['one', 'two']),
      script('options of Node', 'witness.mjs', ['arguments'], { node: ['--stack-trace-limit=3'] }),
      script('source maps', 'mapped/mapped.js', [], { node: ['--enable-source-maps'], ends: 'exit code 1' }),
      command('node --test', ['node', '--test', path('../scripts/a.test.mjs')]),
      command('npm start', ['npm', 'start', '--silent', '--prefix', path('../scripts/application')]),
      command('a shell with two programs', [
        'sh',
        '-c',
        `node ${path('../scripts/idle.mjs')} fetch && node ${path('../scripts/idle.mjs')} nothing`,
      ]),
      script('TypeScript by tsx', 'typescript.ts', [], { node: ['--import=tsx'] }),
    ],
  },
]

function path(relative) {
  return fileURLToPath(new URL(relative, import.meta.url))
}
