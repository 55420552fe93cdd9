/**
 * `npm test`: installs and builds what is missing, then types, lint, unused code, and all tests (vitest).
 * Arguments go to vitest: `npm test -- packages/core`, `npm test -- -t "half close"`.
 */
import { main, prepare, run, tool } from './prepare.mjs'

await main(async () => {
  await prepare()
  await step('types', tool('typescript', 'bin/tsc'), ['-p', 'tsconfig.json'])
  await step('lint', tool('@biomejs/biome', 'bin/biome'), ['ci', '.'])
  await step('tests', tool('vitest', 'vitest.mjs'), ['run', ...process.argv.slice(2)])
})

async function step(name, program, args) {
  process.stderr.write(`\n${name} ...\n`)
  await run(process.execPath, [program, ...args])
}
