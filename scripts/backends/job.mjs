/**
 * One run of vitest over a part of the suite: its results by test, whether the process survived, and how many helper processes did not.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, tool } from '../prepare.mjs'

/** What `@ioth/ffi` says when a helper process died. */
const HELPER_DIED = /^ioth: .*; its connections are reset$/gm
/** A part that takes longer is stopped. */
const LONGEST_MS = 30 * 60_000

/**
 * @param file `manifest`, `suite` or `corpus`. @param variables what the file reads.
 * @returns {Promise<{ results: { name: string, group: string, status: string, claim: string | null, message: string }[], crash: string | null, deaths: number, printed: string, told: string }>} `told` is what the file wrote to OUT.
 */
export async function runPart(file, variables) {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-backends-'))
  const report = join(folder, 'report.json')
  try {
    const words = ['run', '--config', 'vitest.backends.config.ts', '--reporter=json', `--outputFile=${report}`]
    const out = join(folder, 'out')
    const { output, ending } = await runQuietly([tool('vitest', 'vitest.mjs'), ...words, `${file}.run.ts`], {
      ...variables,
      OUT: out,
    })
    const results = existsSync(report) ? resultsOf(JSON.parse(readFileSync(report, 'utf8'))) : []
    return {
      results,
      crash: crashOf(output, ending, results),
      deaths: (output.match(HELPER_DIED) ?? []).length,
      printed: output,
      told: existsSync(out) ? readFileSync(out, 'utf8') : '',
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runQuietly(words, variables) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, {
      cwd: root,
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    const tooLong = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(tooLong)
      resolve({ output, ending: signal ?? code })
    })
  })
}

function resultsOf({ testResults }) {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ title, ancestorTitles, status, failureMessages, meta }) => ({
      name: title,
      group: ancestorTitles.at(-1) ?? '',
      status,
      // What a test that was left out needs, by the line of the manifest.
      claim: meta?.claim ?? null,
      message: (failureMessages?.[0] ?? '').split('\n')[0].replace(/^\w*Error: /, ''),
    })),
  )
}

/** Vitest tells of a worker that is gone; without a report the whole run is. */
function crashOf(output, ending, results) {
  // How a helper died is told by its program, which went on.
  const told = /Worker .*(exited unexpectedly|terminated)|SIGSEGV|SIGABRT|SIGBUS/i.exec(output.replace(HELPER_DIED, ''))
  if (told !== null) return told[0]
  return results.length === 0 && ending !== 0 ? `no report, ended with ${ending}` : null
}
