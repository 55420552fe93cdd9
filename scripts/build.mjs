/** `npm run build`: installs what is missing and builds every package that is older than its sources. */
import { main, prepare } from './prepare.mjs'

await main(async () => {
  process.stderr.write((await prepare()) ? 'Built.\n' : 'Everything is built already.\n')
})
