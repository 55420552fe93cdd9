/**
 * The frame of all suites: which backend, how a test gets its LAN, how a property runs, and what a failure tells.
 *
 * @module
 */
import type { Backend, Capabilities } from '@ioth/core'
import fc from 'fast-check'
import { it, type TestContext } from 'vitest'
import { schedule } from './arbitraries/schedule.ts'
import type { Host } from './lan/host.ts'
import { introduce } from './lan/introduce.ts'
import { type HostOptions, type Lan, type LanOptions, withLan } from './lan/lan.ts'
import type { Schedule } from './lan/schedule.ts'
import { notClaimed } from './not-claimed.ts'
import { type RunSettings, readSettings } from './settings.ts'

/** A test that this backend is known to fail. It is run, and must fail: once it passes, the deviation has to go. */
export interface Deviation {
  /** The test's name, or the requirement it begins with (`P-08`). */
  readonly test: string
  /** Why; points at the library's source, its manual or an issue. */
  readonly reason: string
  /** Not even run: it would hang or crash. */
  readonly skip?: boolean
}

/** Tests that a backend is known to fail, by the reason they have in common. */
export type DeviationsByReason = Readonly<Record<string, readonly string[]>>

export function deviationsOf(tests: DeviationsByReason): Deviation[] {
  return Object.entries(tests).flatMap(([reason, names]) => names.map((test) => ({ test, reason })))
}

/** A rule of the frame checker that a backend's frames are known to break. Its tests are held all the same. */
export interface FrameDeviation {
  /** As the checker names it: `tcp.window-shrunk`. */
  readonly rule: string
  /** Why; points at the library's source, its manual or an issue. */
  readonly reason: string
}

/** What is held against the suite. */
export interface Subject {
  readonly name: string
  readonly backend: Backend
  /** Makes the stacks in the backend's place, to test a wrapper around them. */
  readonly create?: Backend['createStack']
  /** What the other hosts run, to test a pair. @default the same backend */
  readonly peer?: Backend
  /** The backend's own options. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** @default virtual when both backends can do it */
  readonly time?: 'virtual' | 'real'
  readonly deviations?: readonly Deviation[]
  /** Rules that the subject's frames break, and those that the peer's do. */
  readonly frameDeviations?: readonly FrameDeviation[]
  readonly peerFrameDeviations?: readonly FrameDeviation[]
  /** Sees the LAN of each test that passed, before it is closed. */
  readonly record?: (name: string, lan: Lan) => void
  /** Only the suites named so. @default all */
  readonly suites?: readonly string[]
  /** Only tests whose names match. @default all */
  readonly tests?: RegExp
}

/** Who takes the tests of a suite: vitest, or somebody who runs them one by one. */
export interface Registrar {
  test(name: string, body: () => Promise<void> | void, timeoutMs: number): void
  /** A test that must fail. */
  fails(name: string, body: () => Promise<void> | void, timeoutMs: number): void
  skip(name: string): void
}

/** @internal */
export const vitest: Registrar = {
  test: (name, body, timeoutMs) => it(name, (context) => orLeftOut(body, context), timeoutMs),
  fails: (name, body, timeoutMs) => it.fails(name, (context) => orLeftOut(body, context), timeoutMs),
  skip: (name) => it.skip(name),
}

/** Runs a test; one that needs what is not claimed is skipped, visibly, and says what in its `meta`. */
async function orLeftOut(body: () => Promise<void> | void, context: TestContext): Promise<void> {
  try {
    await body()
  } catch (error) {
    const reason = notClaimed(error)
    if (reason === null) throw error
    Object.assign(context.task.meta, { claim: reason.claim })
    context.skip(reason.message)
  }
}

/** What most tests start from: a LAN with the subject on host a and its peer on host b. */
export interface Scene {
  readonly lan: Lan
  readonly a: Host
  readonly b: Host
}

export interface SceneOptions extends Partial<LanOptions> {
  /** Played as soon as both hosts know each other. */
  readonly schedule?: Schedule
  /** Of both hosts. */
  readonly limits?: NonNullable<HostOptions['limits']>
}

/** A test has this much real time; a property, for each 20 runs. */
const TIMEOUT_MS = 60_000
/** The longest schedule of faults on the host's clock: libraries repeat what was lost after seconds. */
const REAL_FAULTS_MS = 2000
/** From so many runs on, each property tells its seed and count. */
const MANY_RUNS = 1000

export class Suite {
  readonly subject: Subject
  readonly capabilities: Capabilities
  readonly settings: RunSettings = readSettings()
  /** The address families of the stack: properties hold over each. */
  readonly families: readonly (4 | 6)[]
  /** Rules that the subject's frames are known to break, and how many did; the same of the peer's. */
  private readonly known: Map<string, number>
  private readonly knownOfPeer: Map<string, number>
  private readonly registrar: Registrar
  /** Of the addresses on the LANs of its tests. */
  readonly family: 4 | 6
  /** Of all tests, also those that were not chosen. */
  readonly names: string[]

  constructor(subject: Subject, registrar: Registrar = vitest, family: 4 | 6 = 4, names: string[] = []) {
    this.family = family
    this.names = names
    this.registrar = registrar
    this.subject = subject
    this.known = new Map(subject.frameDeviations?.map(({ rule }) => [rule, 0]))
    this.knownOfPeer = new Map(subject.peerFrameDeviations?.map(({ rule }) => [rule, 0]))
    this.capabilities = subject.backend.capabilities
    this.families = this.capabilities.ipv6 && (subject.peer ?? subject.backend).capabilities.ipv6 ? [4, 6] : [4]
  }

  /** The same tests on LANs of IPv6, without the properties, which go over both families by themselves. */
  overIpv6(): Suite {
    return new Suite(this.subject, this.registrar, 6, this.names)
  }

  /** Registers a test with a LAN of its own. Its name begins with the requirement it covers, where there is one. */
  test(name: string, body: (scene: Scene) => Promise<void> | void, options: SceneOptions = {}): void {
    this.register(name, () => this.withScene(name, options, body), TIMEOUT_MS)
  }

  /** Registers a test that makes its own LAN or needs none. */
  plainTest(name: string, body: () => Promise<void> | void, timeoutMs: number = TIMEOUT_MS): void {
    this.register(name, body, timeoutMs)
  }

  /** A test that only makes sense with a capability; without it shown as not claimed. @param claim the line of the manifest. */
  testIf(
    holds: boolean,
    claim: string,
    name: string,
    body: (scene: Scene) => Promise<void> | void,
    options: SceneOptions = {},
  ): void {
    if (holds) this.test(name, body, options)
    else this.notClaimed(name, claim)
  }

  /** What runs on its hosts. */
  get backends(): readonly [Backend, Backend] {
    const { backend, peer = backend } = this.subject
    return [backend, peer]
  }

  /** Whether its LANs live on virtual time. */
  get isVirtual(): boolean {
    const { backend, peer = backend, time } = this.subject
    return time !== 'real' && backend.capabilities.virtualTime && peer.capabilities.virtualTime
  }

  /** The same for a LAN that has no hosts yet, from whose backends it could be known. */
  get time(): 'virtual' | 'real' {
    return this.isVirtual ? 'virtual' : 'real'
  }

  /** What something may take at most: in virtual time exactly that, on the host's clock, where other work may hold everything up, another limit. */
  limit(milliseconds: number, realMs: number): number {
    return this.isVirtual ? milliseconds : realMs
  }

  /** How long a stream may be in a property: less when there are many runs, which find more in short ones. */
  octets(most: number): number {
    return this.settings.runs < MANY_RUNS && this.isVirtual ? most : Math.min(most, 6000)
  }

  /** A schedule of faults that lasts so long at most, and on the host's clock no longer than anybody waits for what was lost in it. */
  faults(totalMs = 40_000): fc.Arbitrary<Schedule> {
    return schedule(this.isVirtual ? totalMs : Math.min(totalMs, REAL_FAULTS_MS))
  }

  /**
   * Registers a property once for each address family of the stack; with many runs once, over all of them.
   *
   * @param runs @default as asked for by the environment
   */
  familyProperty<Value>(
    name: string,
    arbitrary: fc.Arbitrary<Value>,
    body: (value: Value, seed: number, family: 4 | 6) => Promise<void>,
    runs: number = this.settings.runs,
  ): void {
    if (runs >= MANY_RUNS) {
      const both = fc.record({ value: arbitrary, family: fc.constantFrom(...this.families) })
      this.property(name, both, ({ value, family }, seed) => body(value, seed, family), runs)
      return
    }
    for (const family of this.families)
      this.property(
        family === 4 ? name : `${name}, over IPv6`,
        arbitrary,
        (value, seed) => body(value, seed, family),
        runs,
      )
  }

  /** Registers a property. Its body gets a value and a seed for everything else that is random. */
  property<Value>(
    name: string,
    arbitrary: fc.Arbitrary<Value>,
    body: (value: Value, seed: number) => Promise<void>,
    runs: number = this.settings.runs,
  ): void {
    if (this.family === 6) return
    const { seed, path } = this.settings
    const timeout = TIMEOUT_MS * Math.max(1, runs / 20)
    const run = async (): Promise<void> => {
      const seeds = fc.noShrink(fc.integer({ min: 1, max: 0x7fff_ffff }))
      const property = fc.asyncProperty(arbitrary, seeds, body)
      // On the host's clock shrinking takes longer than anybody waits.
      const shrinks = path === undefined && this.isVirtual
      const replay = { ...(path === undefined ? {} : { path }), ...(shrinks ? {} : { endOnFailure: true }) }
      // Shrinking may take long; what was found must be told before the test is over.
      const since = performance.now()
      const limits = { numRuns: runs, interruptAfterTimeLimit: 0.75 * timeout, markInterruptAsFailure: true }
      const details = await fc.check(property, { seed, ...limits, ...replay })
      if (details.failed) throw propertyFailure(name, details)
      if (runs >= MANY_RUNS) tellRuns(name, details.numRuns, details.seed, performance.now() - since)
    }
    this.register(name, run, timeout)
  }

  /** What the backend does not say that it can: shown, and not run. @param claim the line of the manifest. */
  notClaimed(name: string, claim: string): void {
    this.names.push(name)
    if (this.isChosen(name)) this.registrar.skip(`${name} (not claimed: ${claim})`)
  }

  private isChosen(name: string): boolean {
    return this.subject.tests === undefined || this.subject.tests.test(name)
  }

  /** Runs a body on a LAN with the subject on a and its peer on b. */
  async withScene(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void> | void): Promise<void> {
    const { limits, schedule, ...lanOptions } = options
    const hosts = [this.host(limits), this.peer(limits)]
    const { name: subject, time } = this.subject
    const own = { hosts, name: `${subject} ${name}`, family: this.family, ...(time === undefined ? {} : { time }) }
    await withLan({ ...own, ...lanOptions }, async (lan) => {
      const [a, b] = [lan.host(0), lan.host(1)]
      // Address resolution gives up after seconds, so it comes before the faults.
      if (schedule !== undefined) {
        await introduce(lan, a, b)
        lan.play(schedule)
      }
      await body({ lan, a, b })
      this.subject.record?.(name, lan)
    })
  }

  /** Options of a host that runs the subject. */
  host(limits?: HostOptions['limits']): HostOptions {
    const { backend, create, settings } = this.subject
    const made = create === undefined ? backend : { capabilities: backend.capabilities, createStack: create }
    return {
      backend: made,
      knownFindings: this.known,
      ...(settings === undefined ? {} : { settings }),
      ...(limits === undefined ? {} : { limits }),
    }
  }

  /** Options of a host that runs the peer. */
  peer(limits?: HostOptions['limits']): HostOptions {
    const { peer } = this.subject
    if (peer === undefined) return this.host(limits)
    return { backend: peer, knownFindings: this.knownOfPeer, ...(limits === undefined ? {} : { limits }) }
  }

  /** Registers, behind all tests: a rule that no frame breaks any more needs no deviation. */
  checkFrameDeviations(): void {
    for (const { rule, reason } of this.subject.frameDeviations ?? []) {
      const name = `frames that break the rule ${rule}`
      this.names.push(name)
      const body = (): void => {
        if ((this.known.get(rule) ?? 0) === 0) return
        throw new Error(`${this.known.get(rule)} frames break the rule ${rule}`)
      }
      this.registrar.fails(`${name} (deviates: ${reason})`, body, TIMEOUT_MS)
    }
  }

  /** A deviation that names no test is a mistake. Looked at when all tests are known. @param others names of tests that are held elsewhere. */
  checkDeviations(others: readonly string[] = []): void {
    for (const { test } of this.subject.deviations ?? []) {
      // Groups of tests are filled after this.
      const body = (): void => {
        if (![...this.names, ...others].some((name) => isMeant(test, name)))
          throw new Error(`no test is called "${test}", or begins with it`)
      }
      this.registrar.test(`the deviation "${test}" names a test`, body, TIMEOUT_MS)
    }
  }

  private register(name: string, body: () => Promise<void> | void, timeout: number): void {
    this.names.push(name)
    if (!this.isChosen(name)) return
    const deviation = this.subject.deviations?.find(({ test }) => isMeant(test, name))
    const { registrar } = this
    const held = (): Promise<void> => this.asClaimed(body)
    if (deviation === undefined) registrar.test(name, held, timeout)
    else if (deviation.skip === true) registrar.skip(`${name} (deviates: ${deviation.reason})`)
    else registrar.fails(`${name} (deviates: ${deviation.reason})`, held, timeout)
  }

  private async asClaimed(body: () => Promise<void> | void): Promise<void> {
    try {
      await body()
    } catch (error) {
      const manifests = this.backends.map(({ capabilities }) => capabilities)
      throw notClaimed(error, manifests) ?? error
    }
  }
}

function tellRuns(name: string, numRuns: number, seed: number, milliseconds: number): void {
  console.log(`${name}: ${numRuns} runs from seed ${seed} in ${Math.round(milliseconds / 1000)} s`)
}

function isMeant(deviation: string, name: string): boolean {
  return name === deviation || name.startsWith(`${deviation} `)
}

function propertyFailure<Values extends [unknown, number]>(name: string, details: fc.RunDetails<Values>): Error {
  const { seed, counterexamplePath, counterexample, numShrinks, numRuns, errorInstance } = details
  const early = new Error(`interrupted after ${numRuns} runs: the time was over`)
  const cause =
    errorInstance instanceof Error ? errorInstance : counterexample === null ? early : new Error(String(errorInstance))
  const value = counterexample === null ? 'none' : fc.stringify(counterexample[0])
  const commands = value.match(/replayPath="([^"]*)"/)?.[1]
  const replay = `IOTH_SEED=${seed} IOTH_PATH=${counterexamplePath}${commands === undefined ? '' : ` IOTH_COMMANDS=${commands}`}`
  const message = [
    cause.message,
    `  property: ${name}, run ${numRuns}, shrunk ${numShrinks} times`,
    `  counterexample: ${value}`,
    `  seed ${seed}, path ${counterexamplePath}`,
    `  replay: ${replay} npx vitest run -t "${name}"`,
  ].join('\n')
  const failure = new Error(message, { cause })
  const frames = cause.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? []
  failure.stack = [`Error: ${message}`, ...frames].join('\n')
  return failure
}
