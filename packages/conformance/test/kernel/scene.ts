/**
 * The frame of the tests against Linux: one kernel host, and stacks under test on the other end of its cable. Every frame a stack sends is
 * looked at by the independent checker.
 *
 * @module
 */
import {
  type Backend,
  createFramePool,
  createScheduler,
  type FramePool,
  type Impairments,
  type InterfaceOptions,
  impair,
  type Scheduler,
  type Stack,
  type StackOptions,
} from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, it } from 'vitest'
import { type Finding, HostChecker } from '../../src/checker/index.ts'
import { type RecordedFrame, writeCapture } from '../../src/lan/capture-file.ts'
import { Observer } from '../../src/lan/observer.ts'
import { Jack } from './jack.ts'
import { KernelHost } from './kernel-host.ts'
import { missingHere } from './namespace.ts'

/** The backends that are held against the kernel. */
const BACKENDS: readonly Backend[] = [ts]

export interface SceneOptions {
  /** Of the kernel's end, in CIDR notation. @default 10.66.0.1/24 and fd66::1/64 */
  readonly kernel?: readonly string[]
  /** Of the stack. @default 10.66.0.2/24 and fd66::2/64 */
  readonly stack?: readonly string[]
  readonly mtu?: number
  /** What the cable does to frames. */
  readonly impair?: Impairments
  /** More of the stack. */
  readonly options?: Partial<StackOptions>
}

/** One set for all that is joined. */
interface Shared {
  readonly scheduler: Scheduler
  readonly pool: FramePool
}

export class Scene implements AsyncDisposable {
  readonly kernel: KernelHost
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly findings: Finding[] = []
  readonly captured: RecordedFrame[] = []
  private readonly backend: Backend
  private readonly options: SceneOptions
  private checker = new HostChecker()
  private readonly stacks: Stack[] = []
  private readonly jack: Jack
  private made: Stack | null = null

  constructor(backend: Backend, kernel: KernelHost, options: SceneOptions, shared: Shared) {
    this.scheduler = shared.scheduler
    this.pool = shared.pool
    this.backend = backend
    this.kernel = kernel
    this.options = options
    const { link } = kernel
    const wire = options.impair === undefined ? link : impair(link, { ...shared, seed: 1, ...options.impair })
    const observed = new Observer(wire, {
      frame: (direction, octets) => this.seen(direction, octets),
      unfinished: (text) => this.findings.push({ rule: 'link', text }),
    })
    this.jack = new Jack(observed)
  }

  /** The stack under test; there is one cable, so there is one stack at a time. */
  get stack(): Stack {
    if (this.made === null) throw new Error('plugIn() comes first')
    return this.made
  }

  /** @param more of the stack's interface. */
  async plugIn(more: Partial<InterfaceOptions> = {}): Promise<Stack> {
    const { scheduler, pool, backend, options } = this
    const { stack: addresses = ['10.66.0.2/24', 'fd66::2/64'], options: rest } = options
    this.made = await backend.createStack({
      scheduler,
      pool,
      interfaces: [{ link: this.jack, addresses, ...more }],
      ...rest,
    })
    this.stacks.push(this.made)
    return this.made
  }

  /** Another stack comes in place of the one there is, with the same address and another MAC. */
  async replug(more: Partial<InterfaceOptions> = {}): Promise<Stack> {
    await this.stack.close()
    this.checker = new HostChecker()
    return await this.plugIn(more)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stack of this.stacks) await stack.close()
    await this.kernel.close()
  }

  private seen(direction: 'in' | 'out', octets: Uint8Array): void {
    const now = this.scheduler.clock.now
    this.captured.push({ direction, time: now, octets })
    if (direction === 'in') this.checker.arrived(octets, now)
    else this.findings.push(...this.checker.sent(octets, now))
  }
}

/** A test against the kernel; a visible skip where there is no root, and a failure in continuous integration. */
export function kernelTest(name: string, options: SceneOptions, body: (scene: Scene) => Promise<void>): void {
  for (const backend of BACKENDS) {
    it(`${name} (${backend.name})`, { timeout: 60_000 }, async () => {
      const { kernel: addresses = ['10.66.0.1/24', 'fd66::1/64'], mtu = 1500 } = options
      const shared = { scheduler: createScheduler(), pool: createFramePool() }
      const scene = new Scene(backend, await KernelHost.create(addresses, mtu, shared), options, shared)
      try {
        await scene.plugIn()
        await body(scene)
        if (scene.findings.length > 0)
          throw new Error(scene.findings.map(({ rule, text }) => `${rule}: ${text}`).join('\n'))
      } catch (error) {
        const path = writeCapture(name, backend.name, scene.captured)
        throw new Error(`${(error as Error).message}\n  capture: ${path}`, { cause: error })
      } finally {
        await scene[Symbol.asyncDispose]()
      }
    })
  }
}

/** Opens a block of such tests. */
export function describeKernel(name: string, body: () => void): void {
  const missing = missingHere()
  describe(name, () => {
    if (missing === null) body()
    else if (process.env.CI !== 'true') it.skip(`against Linux (skipped: ${missing})`)
    else
      it('against Linux', () => {
        throw new Error(`continuous integration has what this needs: ${missing}`)
      })
  })
}
