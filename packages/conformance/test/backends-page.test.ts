/**
 * docs/backends.md shows the manifests of this repository's backends as they are. After a change of one:
 * `npx vitest run packages/conformance/test/backends-page.test.ts -u`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { manifestTable } from '@ioth/core/registry'
import { expect, it } from 'vitest'
import { loadSubject } from './backends/subjects.ts'

const PAGE = fileURLToPath(new URL('../../../docs/backends.md', import.meta.url))
const PACKAGES = fileURLToPath(new URL('../../', import.meta.url))
const [BEGIN, END] = ['<!-- The manifests, kept by a test. -->\n', '<!-- End of the manifests. -->\n']

it('docs/backends.md has the manifests', async () => {
  const names = readdirSync(PACKAGES)
    .filter((name) => name.startsWith('backend-') && existsSync(`${PACKAGES}${name}/src/index.ts`))
    .map((name) => name.slice('backend-'.length))
  const backends = await Promise.all(['ts', ...names].map(loadSubject))
  const rows = manifestTable(backends).map(({ name, values, meaning }) => [name, ...values, meaning])
  const licences = [
    'licence',
    ...backends.map(({ license }) => license),
    'SPDX; of the package together with its library',
  ]
  const table = [['', ...backends.map(({ name }) => name), 'what it says'], licences, ...rows]
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no place for the manifests`)
  await expect(`${before}${BEGIN}\n${markdown(table)}\n${END}${after}`).toMatchFileSnapshot(PAGE)
})

function markdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
