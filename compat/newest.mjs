/**
 * Of a package that is here in two versions (`undici`, and `undici-8` for newer Nodes) the newest whose `engines` admit this Node.
 */
import { readdirSync, readFileSync } from 'node:fs'
import semver from 'semver'

const folder = new URL('./node_modules/', import.meta.url)

/** The name under which the package is to be imported. */
export function newest(name) {
  const candidates = readdirSync(folder)
    .filter((each) => each === name || new RegExp(`^${name}-\\d+$`).test(each))
    .map((each) => ({ ...readManifest(each), folder: each }))
    .filter(({ engines }) => engines?.node === undefined || semver.satisfies(process.versions.node, engines.node))
    .sort((a, b) => semver.rcompare(a.version, b.version))
  if (candidates.length === 0)
    throw new Error(`no version of ${name} that is installed runs on Node ${process.versions.node}`)
  return candidates[0].folder
}

function readManifest(name) {
  return JSON.parse(readFileSync(new URL(`${name}/package.json`, folder), 'utf8'))
}
