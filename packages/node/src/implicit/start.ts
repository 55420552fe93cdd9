/**
 * Makes this process a node as the environment says, before its main program starts. Loaded by the preload.
 *
 * @module
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Link, NetError } from '@ioth/core'
import { createNode, searchFolders } from '@ioth/core/registry'
import { write } from '../messages.ts'
import type { Passing } from '../passing.ts'
import { checkPolicy, policyFromEnvironment } from '../rules/policy.ts'
import { announceLink } from './announce-link.ts'
import { becomeNode } from './become-node.ts'
import type { Children, NodeDescription } from './description.ts'

/** Exit codes of sysexits(3). */
const EXIT = { unavailable: 69, software: 70, noPermission: 77, configuration: 78 } as const

const CODES: Readonly<Record<string, number>> = {
  ERR_IOTH_CONFIG: EXIT.configuration,
  ERR_IOTH_STRICT: EXIT.configuration,
  EINVAL: EXIT.configuration,
  EACCES: EXIT.noPermission,
  EPERM: EXIT.noPermission,
}

/**
 * Settles when the stack's addresses can be used. A failure is told in one paragraph, and ends the process.
 * @param config `IOTH_CONFIG`: a configuration string (`ip=10.0.0.1/24,vnl=/tmp/vde.ctl`), or the same as JSON.
 * @param quiet whether `IOTH_QUIET` asks for no messages of ours.
 */
export async function start(config: string, quiet: boolean): Promise<void> {
  try {
    const policy = policyFromEnvironment(process.env)
    checkPolicy(policy)
    const settings = config.trimStart().startsWith('{') ? JSON.parse(config) : config
    const from = searchFolders(dirname(fileURLToPath(import.meta.url)))
    const wrap = (link: Link): Link => (quiet ? link : announceLink(link))
    const { stack, describe, passing } = await createNode<NodeDescription, Passing>(settings, { from, wrap })
    becomeNode(stack, { quiet, describe, passing, children: readChildren(process.env.IOTH_CHILDREN), ...policy })
  } catch (error) {
    fail(error)
  }
}

/** `IOTH_CHILDREN`. @throws NetError ERR_IOTH_CONFIG when it is none. */
function readChildren(text: string | undefined): Children {
  const word = text?.trim() ?? ''
  if (word === '') return 'share'
  if (word === 'share' || word === 'new' || word === 'host') return word
  throw new NetError('ERR_IOTH_CONFIG', 'configuration', {
    message: `IOTH_CHILDREN is share, new or host, not "${text}"`,
  })
}

function fail(error: unknown): never {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (error instanceof SyntaxError) {
    write(
      `IOTH_CONFIG is not JSON: ${message}. A configuration string does as well: IOTH_CONFIG=ip=10.0.0.1/24,vnl=/tmp/vde.ctl`,
    )
    process.exit(EXIT.configuration)
  }
  if (code === undefined) {
    // Nobody foresaw it: a fault of ours, whose place is of use.
    write(String(stack ?? error))
    process.exit(EXIT.software)
  }
  write(message.replace(/^configuration: /, ''))
  process.exit(CODES[code] ?? EXIT.unavailable)
}
