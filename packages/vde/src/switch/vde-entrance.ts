/**
 * Where plugs of the VDE protocol come in: `DIR/ctl` of a switch. They become ports like all others; C is called when the first one comes,
 * so that a switch nobody of them joins needs no koffi.
 *
 * @module
 */
import { hasCode } from '@ioth/core'
import * as ffi from '@ioth/ffi'
import { type GroupAccess, listenVde, type PluggedVde, type VdeRefusal, type VdeServer } from '@ioth/ffi'
import { networkError } from '../vnl/switch-directory.ts'
import type { Port } from './port.ts'
import { VdePort } from './vde-port.ts'

/** What ports are made with. */
export interface EntranceSetup {
  readonly mtu: number
  readonly queueOctets: number
  readonly tick: number
  readonly now: number
  /** Records of frames in the input memory. */
  received(port: Port, from: number, end: number): void
}

/** What the switch knows and does about its ports. */
export interface EntranceHooks {
  /** Chooses a port's number. @param wanted 0: any. */
  choose(wanted: number): number | VdeRefusal
  readonly setup: EntranceSetup
  added(port: VdePort): void
  removed(port: VdePort): void
  refused(reason: string): void
}

export class VdeEntrance {
  readonly ports: Set<VdePort> = new Set()
  private readonly server: VdeServer
  private referenced = true

  private constructor(server: VdeServer) {
    this.server = server
  }

  /** @throws NetError ERR_IOTH_NETWORK: another switch has the directory. */
  static async open(dir: string, hooks: EntranceHooks, access?: GroupAccess): Promise<VdeEntrance> {
    let entrance: VdeEntrance | null = null
    try {
      const server = await listenVde({
        dir,
        ...(access === undefined ? {} : { access }),
        admit: ({ port }) => hooks.choose(Math.max(port, 0)),
        plugged: (plug) => entrance?.add(plug, hooks),
        refused: (reason) => hooks.refused(reason),
      })
      entrance = new VdeEntrance(server)
      return entrance
    } catch (error) {
      const words = hasCode(error, 'EADDRINUSE') ? 'a switch of another program runs there' : (error as Error).message
      throw networkError(
        `the switch cannot serve ${dir}/ctl: ${words}. Choose another directory: ioth switch DIR`,
        error,
      )
    }
  }

  unref(): void {
    this.referenced = false
    this.server.unref()
    for (const port of this.ports) port.unref()
  }

  /** Pulls all plugs and takes the name away. */
  async close(): Promise<void> {
    for (const port of [...this.ports]) port.close()
    await this.server.close()
  }

  private add(plug: PluggedVde, hooks: EntranceHooks): void {
    const port = new VdePort(plug, { ffi, number: plug.port, ...hooks.setup })
    plug.onEnded = () => {
      if (!this.ports.delete(port)) return
      port.release()
      hooks.removed(port)
    }
    this.ports.add(port)
    if (!this.referenced) port.unref()
    hooks.added(port)
  }
}
