// What a program sees of how it was started, as an ES module; and how it ends: `node witness.mjs CASE …`.
import { createRequire } from 'node:module'

const [what, ...rest] = process.argv.slice(2)
console.log(
  JSON.stringify({
    arguments: rest,
    main: import.meta.main ?? null,
    execArgv: process.execArgv.filter((word) => word.startsWith('--stack')),
  }),
)

const cases = {
  arguments() {},
  async stdin() {
    let octets = 0
    for await (const chunk of process.stdin) octets += chunk.length
    console.log('octets', octets)
  },
  code: () => process.exit(42),
  exitCode: () => (process.exitCode = 43),
  throw() {
    throw new Error('an uncaught one')
  },
  reject: () => void Promise.reject(new Error('an unhandled one')),
  abort: () => process.kill(process.pid, 'SIGKILL'),
  signal() {
    process.on('SIGTERM', (name) => {
      console.log(name)
      process.exit(7)
    })
    console.log('ready')
    setInterval(() => {}, 1000)
  },
  killed() {
    console.log('ready')
    setInterval(() => {}, 1000)
  },
  require: () => console.log(createRequire(import.meta.url)('./witness-main.cjs').isMain),
}
await cases[what]()
