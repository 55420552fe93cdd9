/**
 * `ioth env`: the environment in which every Node program is on the network as if `ioth run` had started it, for a shell or a CI system.
 *
 * @module
 */
import { isAbsolute, resolve } from 'node:path'
import { formatIothconf, type StackConfig } from '@ioth/core'
import { checkPolicy, nodeOptionsForPreload, policyToEnvironment, readReport } from '@ioth/node'
import { EXIT, Failure } from '../failure.ts'
import { configOf } from '../network/join.ts'
import { explainNetwork } from '../network/network-failure.ts'
import type { NetworkSettings } from '../options/network-options.ts'

/** How a variable is set, by the shell that will read it. */
const SHELLS: Readonly<Record<string, (name: string, value: string) => string>> = {
  sh: (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  fish: (name, value) => `set -gx ${name} '${value.replace(/[\\']/g, '\\$&')}'`,
  powershell: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
  // For the file of GITHUB_ENV, for docker --env-file, for an .env file.
  plain: (name, value) => `${name}=${value}`,
}

/** @throws Failure for settings that are none. */
export function printEnvironment(settings: NetworkSettings, form: string, scriptless: boolean): void {
  const variables = environmentOf(settings, scriptless)
  const line = SHELLS[form]
  const text =
    line === undefined
      ? JSON.stringify(variables)
      : Object.entries(variables)
          .map(([name, value]) => line(name, value))
          .join('\n')
  process.stdout.write(`${text}\n`)
}

function environmentOf(settings: NetworkSettings, scriptless: boolean): Record<string, string> {
  const { host, strict, quiet, children, pcap } = settings
  if (pcap !== undefined) {
    throw new Failure(
      EXIT.usage,
      'a capture is one program’s: --pcap goes with "ioth run". Set the rest by ioth env without it.',
    )
  }
  const report = readReport(settings.report)
  const policy = {
    host,
    strict,
    ...(report !== undefined && { report: /^(text|json)$/.test(report) ? report : resolve(report) }),
  }
  let config: StackConfig
  try {
    checkPolicy(policy)
    config = configOf(settings, undefined)
  } catch (error) {
    throw explainNetwork(error)
  }
  return {
    NODE_OPTIONS: nodeOptionsForPreload(process.env.NODE_OPTIONS, scriptless),
    IOTH_CONFIG: formatIothconf({
      stack: 'ts',
      ...config,
      // Programs start in many folders.
      ...(config.vnl !== undefined && { vnl: absolute(config.vnl) }),
    }),
    ...policyToEnvironment(policy),
    ...(children !== 'share' && { IOTH_CHILDREN: children }),
    ...(quiet && { IOTH_QUIET: '1' }),
  }
}

function absolute(vnl: string): string {
  return vnl.includes('://') || isAbsolute(vnl) ? vnl : resolve(vnl)
}
