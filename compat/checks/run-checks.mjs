/**
 * Runs the checks of one file, one after the other, and says in lines of JSON what became of each:
 * `node run-checks.mjs FILE.mjs`. The process is on the host's network or on a stack; the checks do not know.
 */
import { pathToFileURL } from 'node:url'

/** A check that takes longer has failed; the next one is run all the same. */
const LIMIT_MS = 30_000

const { default: checks } = await import(pathToFileURL(process.argv[2]).href)

say({ plan: Object.keys(checks) })
for (const [name, check] of Object.entries(checks)) {
  const trace = []
  const outcome = await Promise.race([attempt(check, trace), limit()])
  say({ name, ...outcome, trace })
}
// What a check may have left behind is not the next one's affair, nor a reason to go on.
process.exit()

async function attempt(check, trace) {
  try {
    const skipped = await check((...words) => void trace.push(words.length === 1 ? words[0] : words))
    return typeof skipped === 'string' ? { skipped } : {}
  } catch (error) {
    return { failed: String(error?.stack ?? error) }
  }
}

function limit() {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ failed: `no end within ${LIMIT_MS / 1000} s` }), LIMIT_MS).unref()
  })
}

function say(line) {
  // Undefined members and members that are not there are told apart by nobody.
  process.stdout.write(`\n#compat ${JSON.stringify(line)}\n`)
}
