/**
 * `npm test`: installs and builds what is missing, then types, lint, dead code, and all tests (vitest).
 * Arguments go to vitest: `npm test -- packages/core`, `npm test -- -t "half close"`.
 * `npm run test:long` runs the slow tests alone: the files named *.long.test.ts.
 */
import { main, prepare, run, tool } from './prepare.mjs'

const long = process.argv[2] === '--long'
const args = process.argv.slice(long ? 3 : 2)

await main(async () => {
  await prepare()
  if (long) {
    await step('long tests', tool('vitest', 'vitest.mjs'), ['run', '--config', 'vitest.long.config.ts', ...args])
    return
  }
  await step('types', tool('typescript', 'bin/tsc'), ['-p', 'tsconfig.json'])
  await step('lint', tool('@biomejs/biome', 'bin/biome'), ['ci', '.'])
  // What nobody imports, and dependencies that are missing or unused. Exports are left to `npm run knip`: a protocol's constants come whole.
  await step('dead code', tool('knip', 'bin/knip.js'), ['--no-config-hints', '--exclude', 'exports,types'])
  await step('tests', tool('vitest', 'vitest.mjs'), ['run', ...args])
})

async function step(name, program, words) {
  process.stderr.write(`\n${name} ...\n`)
  await run(process.execPath, [program, ...words])
}
