/**
 * `ioth backends`: which TCP/IP stacks there are, and what to do about those that cannot be used here.
 *
 * @module
 */
import { formatTable } from '../output.ts'
import { findBackends } from '../stacks.ts'

export async function backends(options: { readonly json?: boolean }): Promise<void> {
  const found = await findBackends()
  if (options.json === true) {
    const plain = found.map(({ name, backend, probe }) => ({ name, license: backend?.license ?? null, ...probe }))
    console.log(JSON.stringify(plain, null, 2))
    return
  }
  const rows = found.map(({ name, backend, probe }) => [
    name,
    probe.usable ? 'yes' : 'no',
    backend?.license ?? '-',
    probe.version ?? '-',
    probe.usable ? (probe.path ?? '') : [probe.reason, probe.next].filter(Boolean).join('; '),
  ])
  process.stdout.write(formatTable(['NAME', 'USABLE', 'LICENCE', 'VERSION', 'WHERE, OR WHAT TO DO'], rows))
}
