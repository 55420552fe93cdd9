/**
 * `ioth run`: this process joins the network, and then becomes the user's program. A program that is not Node's runs beside it, with a node
 * for what it starts.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import type { Stack } from '@ioth/core'
import { becomeNode, checkPolicy, environmentFor, type PolicyOptions, readReport } from '@ioth/node'
import { EXIT, Failure } from '../failure.ts'
import { attend } from '../launch/attend.ts'
import { becomeProgram } from '../launch/become-program.ts'
import { findProgram } from '../launch/find-program.ts'
import { relaunch } from '../launch/relaunch.ts'
import { prepareHost } from '../network/host-interface.ts'
import { announceAddress, joinAsNode, startNode } from '../network/join.ts'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import type { RunArguments } from '../options/split-run-arguments.ts'
import { say } from '../output.ts'

export async function runProgram(
  settings: NetworkSettings,
  { ours, node, nodeIsProgram, script, program }: RunArguments,
): Promise<void> {
  if (nodeIsProgram) {
    await prepareHost(settings)
    const words = [...(script === undefined ? [] : [script]), ...program]
    // A word that would be an option of Node's is an argument to what runs.
    const end = /^-./.test(words[0] ?? '') ? ['--'] : []
    const args = [...process.execArgv, ...node, ...end, ...words]
    runCommand(settings, policyOf(settings), process.execPath, args, settings.children)
    return
  }
  if (script === undefined) {
    throw new Failure(EXIT.usage, 'there is no script to run. Type for example: ioth run app.js -a 10.40.0.32/24')
  }
  const { kind, path } = findProgram(script)
  if (node.length > 0) {
    relaunch(node, ['run', ...ours, '--', script, ...program])
    return
  }

  if (kind === 'command') {
    await prepareHost(settings)
    if (settings.children === 'host') {
      throw new Failure(
        EXIT.usage,
        `${path} is not a program of Node's: with --children=host nothing would be on the network`,
      )
    }
    runCommand(settings, policyOf(settings), path, program, 'share')
    return
  }

  // From here on this is the program: backends are looked for beside it, and others on the network see its name.
  const own = process.argv
  process.argv = [own[0] as string, path, ...program]
  try {
    const policy = policyOf(settings)
    checkPolicy(policy)
    await prepareHost(settings)
    const { stack, describe, passing } = await joinAsNode(settings)
    await logWhenAsked(stack)
    if (settings.address.length === 0 && !settings.quiet) announceAddress(stack)
    becomeNode(stack, { quiet: settings.quiet, children: settings.children, describe, passing, ...policy })
  } catch (error) {
    process.argv = own
    throw explainNetwork(error)
  }
  becomeProgram()
}

/** `ioth diff` wants to know what the program does; not what its children do. */
async function logWhenAsked(stack: Stack): Promise<void> {
  const path = process.env.IOTH_CALL_LOG
  if (path === undefined) return
  delete process.env.IOTH_CALL_LOG
  const { logCalls } = await import('../diff/call-log.ts')
  logCalls(stack, path)
}

/**
 * A shell, say: what it starts of Node joins the node. Or Node itself.
 * @param children of those of Node's.
 */
function runCommand(
  settings: NetworkSettings,
  policy: PolicyOptions,
  path: string,
  program: readonly string[],
  children: NetworkSettings['children'],
): void {
  const { quiet } = settings
  try {
    checkPolicy(policy)
    process.argv = [process.argv[0] as string, path, ...program]
    const description = startNode(settings)
    if (settings.address.length === 0 && !quiet) say(description.addresses.join(', '))
    const env = { ...process.env, ...environmentFor(description, { quiet, children, ...policy }) }
    attend(spawn(path, program, { stdio: 'inherit', env }))
  } catch (error) {
    throw explainNetwork(error)
  }
}

/** What the settings say of the host's network. */
function policyOf({ host, strict, report }: NetworkSettings): PolicyOptions {
  const form = readReport(report)
  return { host, strict, ...(form !== undefined && { report: form }) }
}
