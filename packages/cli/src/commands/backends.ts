/**
 * `ioth backends`: which TCP/IP stacks there are, what each can do, and what to do about those that cannot be used here.
 *
 * @module
 */
import type { Backend } from '@ioth/core'
import { type FoundBackend, manifestTable } from '@ioth/core/registry'
import { formatTable } from '../output.ts'
import { findBackends } from '../stacks.ts'

export async function backends(options: { readonly json?: boolean }): Promise<void> {
  const found = await findBackends()
  process.stdout.write(options.json === true ? asJson(found) : asTables(found))
}

/** A limit that there is not is null. */
function asJson(found: readonly FoundBackend[]): string {
  const plain = found.map(({ name, backend, probe }) => ({
    name,
    license: backend?.license ?? null,
    ...probe,
    capabilities: backend?.capabilities ?? null,
  }))
  return `${JSON.stringify(plain, null, 2)}\n`
}

function asTables(found: readonly FoundBackend[]): string {
  const rows = found.map(({ name, backend, probe }) => [
    name,
    probe.usable ? 'yes' : 'no',
    backend?.license ?? '-',
    probe.version ?? '-',
    probe.usable ? (probe.path ?? '') : [probe.reason, probe.next].filter(Boolean).join('; '),
  ])
  const loaded = found.filter((each): each is FoundBackend & { backend: Backend } => each.backend !== null)
  const names = loaded.map(({ name }) => name)
  const claims = manifestTable(loaded.map(({ backend }) => backend)).map(({ name, values }) => [name, ...values])
  return [
    formatTable(['NAME', 'USABLE', 'LICENCE', 'VERSION', 'WHERE, OR WHAT TO DO'], rows),
    formatTable(['CAPABILITY', ...names], claims),
  ].join('\n')
}
