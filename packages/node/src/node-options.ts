/**
 * `NODE_OPTIONS` under which a program becomes a node by its environment.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { quote, withPreload } from './implicit/inheritance.ts'

/**
 * With the preload.
 * @param options what is there already.
 * @param scriptless whether programs that have no main script (`node -e`, standard input) wait until the node is up, too. The main script of
 * others is then loaded by Node's loader of ES modules, which old hooks for CommonJS do not know.
 */
export function nodeOptionsForPreload(options: string | undefined, scriptless: boolean): string {
  const preload = fileURLToPath(new URL('./preload.cjs', import.meta.url))
  const ready = `--import ${quote(new URL('./ready.js', import.meta.url).href)}`
  const given = options?.trim() ?? ''
  if (!scriptless || given.includes(ready)) return withPreload(given, preload)
  return withPreload(given === '' ? ready : `${ready} ${given}`, preload)
}
