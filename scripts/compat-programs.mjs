/** `npm run compat:programs`: express, Next.js, PostgreSQL's client and the others as nodes of a network. See compat/README.md. */
import { comparePrograms } from '../compat/programs/main.mjs'
import { main, prepare } from './prepare.mjs'

await main(async () => {
  await prepare()
  await comparePrograms(process.argv.slice(2))
})
