/**
 * What a node's program may do with the host's network, and what is recorded of it.
 *
 * @module
 */
import { Traffic } from '../report/traffic.ts'
import type { ReportForm } from '../report/write-report.ts'
import { HostRules } from './host-rules.ts'

export interface PolicyOptions {
  /** Rules of `--host`: see {@link HostRules}. @default none */
  readonly host?: readonly string[]
  /** Whatever would use the host's network without a rule fails. @default false */
  readonly strict?: boolean
  /** Writes at exit what was spoken to: `text`, `json`, or the path of a file. @default nothing */
  readonly report?: ReportForm
}

export class Policy {
  readonly rules: HostRules
  readonly strict: boolean
  /** Null: nothing is recorded. */
  readonly traffic: Traffic | null
  readonly report: ReportForm | null

  /** @throws NetError ERR_IOTH_CONFIG for a malformed rule. */
  constructor({ host = [], strict = false, report }: PolicyOptions = {}) {
    this.rules = new HostRules(host)
    this.strict = strict
    this.report = report ?? null
    this.traffic = report === undefined ? null : new Traffic()
  }
}

/** @throws NetError ERR_IOTH_CONFIG for a malformed rule. */
export function checkPolicy(options: PolicyOptions): void {
  new Policy(options)
}

/** The options as the environment has them: `IOTH_HOST` (by commas or spaces), `IOTH_STRICT`, `IOTH_REPORT`. */
export function policyFromEnvironment(environment: Readonly<Record<string, string | undefined>>): PolicyOptions {
  const host = (environment.IOTH_HOST ?? '').split(/[\s,]+/).filter((rule) => rule !== '')
  const strict = isOn(environment.IOTH_STRICT)
  const report = readReport(environment.IOTH_REPORT)
  return { host, strict, ...(report !== undefined && { report }) }
}

/** The environment that says the same, for what the node starts. */
export function policyToEnvironment({ host = [], strict = false, report }: PolicyOptions): Record<string, string> {
  return {
    ...(host.length > 0 && { IOTH_HOST: host.join(' ') }),
    ...(strict && { IOTH_STRICT: '1' }),
    ...(report !== undefined && { IOTH_REPORT: report }),
  }
}

/** What a user writes for a report: `text`, `json`, a path; on and off as for a switch. */
export function readReport(text: string | undefined): ReportForm | undefined {
  if (!isOn(text)) return undefined
  return /^(1|yes|true|on|text)$/i.test(text as string) ? 'text' : (text as string)
}

function isOn(text: string | undefined): boolean {
  return text !== undefined && !/^\s*(|0|no|false|off)\s*$/i.test(text)
}
