/**
 * The backends that `npm run test:backends` names, from this repository's sources or from a path, and why a test of theirs may fail.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Deviation, FrameDeviation } from '@ioth/conformance'
import type { Backend } from '@ioth/core'

const packages = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * The backends of a run, the subject and its peer. Beside one that lives on the host's clock, the TypeScript stack is in TIME-WAIT for a
 * second only: nobody waits a minute for the end of each connection.
 */
export async function loadSubjects(...names: readonly string[]): Promise<readonly Backend[]> {
  const backends = await Promise.all(names.map(loadSubject))
  if (backends.every(({ capabilities }) => capabilities.virtualTime)) return backends
  return backends.map((backend) => (backend.name === 'ts' ? brief(backend) : backend))
}

function brief(backend: Backend): Backend {
  return {
    ...backend,
    createStack(options) {
      const { tcp, ...settings } = (options.settings ?? {}) as { readonly tcp?: object }
      return backend.createStack({ ...options, settings: { ...settings, tcp: { timeWaitMs: 1000, ...tcp } } })
    },
  }
}

/** @param name `ts`, the name of a package here, or a path. */
export async function loadSubject(name: string): Promise<Backend> {
  const module = (await import(/* @vite-ignore */ fileOf(name))) as { backend?: Backend; default?: Backend }
  const backend = module.backend ?? module.default
  if (backend === undefined) throw new Error(`${fileOf(name)} exports no backend`)
  return backend
}

/** What a backend says about tests it fails: `test/deviations.ts` of its package, or its file. */
export async function loadDeviations(name: string): Promise<readonly Deviation[]> {
  return (await excusesOf(name)).deviations ?? []
}

/** What it says about its frames. */
export async function loadFrameDeviations(name: string): Promise<readonly FrameDeviation[]> {
  return (await excusesOf(name)).frameDeviations ?? []
}

interface Excuses {
  readonly deviations?: readonly Deviation[]
  readonly frameDeviations?: readonly FrameDeviation[]
}

async function excusesOf(name: string): Promise<Excuses> {
  const beside = `${packages}backend-${name}/test/deviations.ts`
  return (await import(/* @vite-ignore */ existsSync(beside) ? beside : fileOf(name))) as Excuses
}

function fileOf(name: string): string {
  if (name === 'ts') return `${packages}stack-ts/src/index.ts`
  return /[./]/.test(name) ? resolve(name) : `${packages}backend-${name}/src/index.ts`
}
