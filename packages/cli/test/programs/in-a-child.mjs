// Runs a script in a child process, waits for it without an event loop, and ends as it ends.
import { spawnSync } from 'node:child_process'

process.exit(spawnSync(process.execPath, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1)
