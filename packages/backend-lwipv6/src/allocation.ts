/**
 * How a process that loads LWIPv6 has to allocate memory.
 *
 * The library looks at each of its timers once more after it has freed it, and writes into it when its 33rd octet is 1 by then (`sys.c`,
 * sys_mbox_fetch and sys_sem_wait). With memory for each thread apart, and none that waits for another, only the library's own thread can
 * have it by then, and nothing of its has such an octet. glibc reads this once, when a process starts.
 *
 * @module
 */
import { NetError } from '@ioth/core'

const SETTINGS = ['glibc.malloc.tcache_count=0', 'glibc.malloc.arena_max=256']

/** For the environment of a helper process. */
export const ALLOCATION: Readonly<Record<string, string>> = { GLIBC_TUNABLES: SETTINGS.join(':') }

/**
 * Before the library is loaded into this process.
 * @throws NetError EINVAL where glibc allocates in another way: the process would end by a write into memory that is another's by then.
 */
export function requireAllocation(): void {
  const tunables = process.env.GLIBC_TUNABLES?.split(':') ?? []
  if (SETTINGS.every((setting) => tunables.includes(setting)) || !isGlibc()) return
  throw new NetError('EINVAL', 'settings', {
    message: `lwipv6: isolation "none" needs another allocation of memory, from the start of the program on. Type: GLIBC_TUNABLES=${ALLOCATION.GLIBC_TUNABLES} node PROGRAM. Without that setting, the library runs in a process of its own`,
  })
}

/** Other C libraries know nothing of these settings. */
function isGlibc(): boolean {
  const { report } = process
  const { excludeNetwork } = report as { excludeNetwork?: boolean }
  // Without the names of all peers, which it would ask name servers for.
  Object.assign(report, { excludeNetwork: true })
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime !== undefined
  } finally {
    if (excludeNetwork !== undefined) Object.assign(report, { excludeNetwork })
  }
}
