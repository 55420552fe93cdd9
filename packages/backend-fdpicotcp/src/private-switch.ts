/**
 * The library's wire: a switch with one port, into which the library's device plugs by the VDE protocol, as into every switch. It is served
 * here, in a directory that only this user can enter and that is gone as soon as the plug is in.
 *
 * @module
 */
import { mkdtempSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NetError } from '@ioth/core'
import { closeDescriptor, koffi, listenVde, makeNonBlocking, type PluggedVde, type VdeServer } from '@ioth/ffi'

export interface Wire {
  /** The switch's end: one frame a message, both ways. Whoever bridges it closes it. */
  readonly fd: number
  /** The switch goes away. The library's device must be gone. */
  close(): Promise<void>
}

/**
 * Has a device plugged in.
 * @param plugIn makes the device, given the switch's directory; null when it could not.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE; errors of the file system.
 */
export async function wireTo<Device>(
  plugIn: (path: string) => Promise<Device | null>,
): Promise<{ device: Device; wire: Wire }> {
  // Made with 0700, whatever the mask.
  const dir = mkdtempSync(join(tmpdir(), 'ioth-'))
  const plugs: PluggedVde[] = []
  let server: VdeServer | null = null
  try {
    server = await listenVde({
      dir,
      admit: () => (plugs.length === 0 ? 1 : { refusal: 'it has one port' }),
      plugged: (plug) => plugs.push(plug),
    })
    const device = await plugIn(dir)
    const [plug] = plugs
    if (device === null || plug === undefined) throw unusable('fd_picoTCP does not plug into a switch')
    // It sends in the thread that also takes what it sends: it must not wait for that.
    makeNonBlocking(descriptorNamed(plug.request.address))
    server.unref()
    const opened = server
    return { device, wire: { fd: plug.fd, close: () => opened.close() } }
  } catch (error) {
    for (const { fd } of plugs) closeDescriptor(fd)
    await server?.close()
    throw error
  } finally {
    // Both ends are joined: names are of no more use, and nothing is left behind whatever becomes of the process.
    for (const name of readdirSync(dir)) unlinkSync(join(dir, name))
    rmdirSync(dir)
  }
}

/** The descriptor of this process whose socket has a name, be it removed: the library does not tell the one it opened. */
function descriptorNamed(path: string): number {
  const getsockname = koffi().load(null).func('int getsockname(int, void *, void *)')
  const address = Buffer.alloc(ADDRESS)
  const length = new Uint32Array(1)
  for (const name of readdirSync('/proc/self/fd')) {
    length[0] = ADDRESS
    address.fill(0)
    if (getsockname(Number(name), address, length) !== 0) continue
    const end = address.indexOf(0, PATH_AT)
    if (address.toString('utf8', PATH_AT, end < 0 ? ADDRESS : end) === path) return Number(name)
  }
  throw unusable('the plug of fd_picoTCP is not found')
}

/** `struct sockaddr_un` */
const ADDRESS = 110
const PATH_AT = 2

function unusable(message: string): NetError {
  return new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'fdpicotcp', { message })
}
