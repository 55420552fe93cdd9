/**
 * The plug of the VDE protocol: into a real `vde_switch`, or any other switch that has `ctl` in its directory.
 *
 * @module
 */
import { type FramePool, type Link, NetError, type Scheduler } from '@ioth/core'
import type { VdeConnection } from '@ioth/ffi'
import { loadFfi } from '../vnl/load-ffi.ts'
import { cannotConnect, isCode, networkError } from '../vnl/switch-directory.ts'
import { openRejoiningLink } from './rejoining-link.ts'

export interface VdePlugOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** How others see it. */
  readonly description: string
  readonly mtu: number
  /** A port's number, or the name of a group of ports. @default any */
  readonly port?: string
  /** Group of the plug's socket, for a switch that runs as another user. */
  readonly group?: string
  /** Permissions of the plug's socket. */
  readonly mode?: number
}

/** A VDE program has room for no longer packet: 9234 octets of frame with a VLAN tag. */
const LONGEST_VDE_MTU = 9_216

/**
 * Plugs in, and settles when the link is up. When the switch goes away the plug tries again until it is back.
 * @param path the switch's directory. @param text the locator.
 * @throws NetError ERR_IOTH_NETWORK with what is wrong and the next command.
 */
export async function openVdePlug(path: string, text: string, options: VdePlugOptions): Promise<Link> {
  const { scheduler, pool, description, mtu } = options
  if (mtu > LONGEST_VDE_MTU) {
    throw networkError(`"${text}": VDE carries packets of up to ${LONGEST_VDE_MTU} octets, not ${mtu}`)
  }
  const { connectVde, DescriptorLink } = await loadFfi(text)
  const connect = async (): Promise<VdeConnection> => {
    const { port, group, mode } = options
    try {
      return await connectVde({
        path,
        description: `${description} user=${process.getuid?.() ?? 0} pid=${process.pid}`,
        ...(port === undefined ? {} : { port }),
        ...(group === undefined ? {} : { group }),
        ...(mode === undefined ? {} : { mode }),
      })
    } catch (error) {
      throw explained(path, error as Error)
    }
  }
  const open = async (): Promise<Link> => {
    const { fd, control } = await connect()
    control.unref()
    const link = new DescriptorLink({ scheduler, pool, fd, type: 'ethernet', mtu, name: text, endless: true })
    // The stream's end is how the switch says that the plug is out.
    control.on('close', () => link.fail(new NetError('ENETDOWN', 'read', { message: `the switch at ${path} is gone` })))
    link.onClosed = () => control.destroy()
    return link
  }
  return await openRejoiningLink({ scheduler, type: 'ethernet', mtu, name: text, open })
}

function explained(path: string, error: Error): Error {
  if (isCode(error, 'ETIMEDOUT') || isCode(error, 'ECONNRESET') || isCode(error, 'EINVAL') || isCode(error, 'EPROTO')) {
    return networkError(`${error.message}. Choose another network, or start one: ioth switch DIR`, error)
  }
  return isCode(error, 'ERR_IOTH_BACKEND_UNUSABLE') ? error : cannotConnect(path, error)
}
