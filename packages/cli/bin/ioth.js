#!/usr/bin/env node
// The command `ioth`. Everything is in ../dist, which is built; this file only finds it, or says what to type.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/main.js', import.meta.url)

if (existsSync(main)) {
  void import(main.href)
} else {
  process.stderr.write(
    `ioth: this copy has not been built yet: there is no ${fileURLToPath(main)}. Build it with: npm run build\n`,
  )
  process.exitCode = 70
}
