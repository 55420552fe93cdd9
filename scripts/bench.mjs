/** `npm run bench`: builds what is older than its sources, then measures. `npm run bench -- --help` tells the options. */
import { main, prepare } from './prepare.mjs'

await main(async () => {
  await prepare()
  const { bench } = await import('../bench/main.mjs')
  await bench(process.argv.slice(2))
})
// What a bench leaves behind must not hold the process.
process.exit()
