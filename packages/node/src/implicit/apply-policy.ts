/**
 * Puts the rules of a node into force: for the host's network, `--strict` and `--report`.
 *
 * @module
 */
import { basename } from 'node:path'
import type { Stack } from '@ioth/core'
import { interception } from '../interception.ts'
import { writeReport } from '../report/write-report.ts'
import { Policy, type PolicyOptions } from '../rules/policy.ts'
import { installStrict } from '../rules/strict.ts'

/** @throws NetError ERR_IOTH_CONFIG, ERR_IOTH_STRICT, ERR_IOTH_UNSUPPORTED_NODE. */
export function applyPolicy(stack: Stack, options: PolicyOptions): void {
  const policy = new Policy(options)
  const shared = interception()
  if (policy.strict) installStrict(policy.rules)
  shared.policy = policy
  const { traffic, report } = policy
  if (traffic === null || report === null) return
  process.once('exit', () => {
    writeReport(report, {
      pid: process.pid,
      program: basename(process.argv[1] ?? 'node'),
      addresses: stack.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address.toString())),
      entries: traffic.list(),
    })
  })
}
