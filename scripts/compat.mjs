/** `npm run compat`: real programs and all of Node's network functions, on plain Node and on a stack. See compat/README.md. */
import { compat } from '../compat/main.mjs'
import { main, prepare } from './prepare.mjs'

await main(async () => {
  await prepare()
  await compat(process.argv.slice(2))
})
