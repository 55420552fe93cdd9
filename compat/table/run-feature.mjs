/**
 * Runs one file of checks, or one script, in one way, and gives what was seen: for each feature a trace, or why there is none.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { normalise, normaliseFailure } from './normalise.mjs'

const runner = fileURLToPath(new URL('../checks/run-checks.mjs', import.meta.url))
const cwd = fileURLToPath(new URL('..', import.meta.url))

/** A file of checks ends each of them itself; this is for what blocks the whole process. */
const LIMIT_MS = 150_000
/** A script that is at rest and does not end has failed. */
const SCRIPT_LIMIT_MS = 30_000

/** @typedef {{ trace?: string, failed?: string, skipped?: string }} Outcome */

/** @returns {Promise<Map<string, Outcome>>} by the name of the feature */
export async function runChecks(node, way, file) {
  const { stdout, ended } = await run(node, way, { file: runner, args: [file] }, LIMIT_MS)
  const outcomes = new Map()
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('#compat ')) continue
    const { plan, name, trace, failed, skipped } = JSON.parse(line.slice('#compat '.length))
    for (const each of plan ?? []) outcomes.set(each, { failed: `the process ended before (${ended})` })
    if (failed !== undefined) outcomes.set(name, { failed })
    else if (skipped !== undefined) outcomes.set(name, { skipped })
    else if (name !== undefined)
      outcomes.set(name, { trace: normalise(trace.map((words) => JSON.stringify(words)).join('\n')) })
  }
  if (outcomes.size === 0) outcomes.set(file, { failed: `it never began (${ended})` })
  return outcomes
}

/** @returns {Promise<Map<string, Outcome>>} the script is one feature */
export async function runScript(node, way, script) {
  const { stdout, stderr, ended, late } = await run(node, way, script, SCRIPT_LIMIT_MS)
  const trace = [normalise(stdout), normaliseFailure(stderr), ended].join('\n')
  let outcome = { trace }
  if (late) outcome = { failed: `no end within ${SCRIPT_LIMIT_MS / 1000} s\n${trace}` }
  else if (ended !== (script.ends ?? 'exit code 0')) outcome = { failed: trace }
  return new Map([[script.name, outcome]])
}

function run(node, way, { file, args = [], node: options = [], command, input, signal }, limitMs) {
  const start = command === undefined ? way.start(node, options, [file, ...args]) : way.shell(node, command)
  const [program, ...words] = start.words
  const child = spawn(program, words, {
    cwd,
    env: { ...cleanEnvironment(), ...start.env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr, late] = ['', '', false]
  child.stdin.on('error', () => {}).end(input)
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
    if (signal !== undefined && stdout.includes('ready')) child.kill(signal)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const limit = setTimeout(() => {
    late = true
    // With all that it has started, which would hold its output open.
    process.kill(-child.pid, 'SIGKILL')
  }, limitMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, by) => {
      clearTimeout(limit)
      resolve({ stdout, stderr, late, ended: by === null ? `exit code ${code}` : `by ${by}` })
    })
  })
}

/** The environment without settings that a user, or a test runner around us, may have. */
function cleanEnvironment() {
  const ours = /^(IOTH|PYCOTCP|COMPAT|VITEST|npm)_|^(NODE_OPTIONS|NODE_PATH|NODE_ENV|VITEST|FORCE_COLOR)$/
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name))), NO_COLOR: '1' }
}
