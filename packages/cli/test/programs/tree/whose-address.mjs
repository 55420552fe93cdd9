// The addresses of this process, of its children, and of a thread.
import { execFileSync, execSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'

const show = `
const addresses = Object.values(require('node:os').networkInterfaces()).flat()
const own = addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)
console.log(process.versions.ioth === undefined ? 'the host' : own.map(({ address }) => address).join())
`
const run = (options) => execFileSync(process.execPath, ['-e', show], { encoding: 'utf8', ...options }).trim()
console.log('child:', run({}))
console.log('child without an environment:', run({ env: {} }))
console.log(
  'behind a shell:',
  execSync(`"${process.execPath}" -e "$SHOW"`, { encoding: 'utf8', env: { ...process.env, SHOW: show } }).trim(),
)
process.stdout.write('thread: ')
new Worker(show, { eval: true })
