/**
 * The modules `tap://NAME` and `tun://NAME`: an interface of the host's kernel, made when it is not there and gone with the link unless
 * somebody made it persistent. The kernel is the other end: what `ip addr` and `ip link` say about the interface is the host's matter.
 *
 * @module
 */
import { closeSync, constants, openSync } from 'node:fs'
import type { FramePool, Link, NetError, Scheduler } from '@ioth/core'
import { loadFfi } from './load-ffi.ts'
import { networkError } from './switch-directory.ts'

const DEVICE = '/dev/net/tun'
/** `struct ifreq`: a name of at most 15 octets and NUL, then the flags (linux/if.h). */
const IFREQ_OCTETS = 40
const NAME_OCTETS = 16
const FLAGS_AT = 16
/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca
const IFF_TUN = 0x0001
const IFF_TAP = 0x0002
/** No header of four octets in front of each frame. */
const IFF_NO_PI = 0x1000

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
}

/**
 * Opens the interface; with an empty name the kernel chooses one.
 * @param text the locator, for errors.
 * @throws NetError ERR_IOTH_NETWORK with what is missing and the next command.
 */
export async function openTap(kind: 'tap' | 'tun', name: string, text: string, setup: Setup): Promise<Link> {
  if (process.platform !== 'linux') throw networkError(`"${text}": TAP and TUN interfaces are Linux's`)
  const octets = Buffer.from(name)
  if (octets.length >= NAME_OCTETS || /[/\s\0]/.test(name)) {
    throw networkError(
      `"${text}": an interface's name has at most ${NAME_OCTETS - 1} octets, no "/" and no blank: tap://tap0`,
    )
  }
  const { control, DescriptorLink } = await loadFfi(text)
  const fd = openDevice(text)
  try {
    const request = Buffer.alloc(IFREQ_OCTETS)
    octets.copy(request)
    request.writeUInt16LE((kind === 'tap' ? IFF_TAP : IFF_TUN) | IFF_NO_PI, FLAGS_AT)
    try {
      control(fd, TUNSETIFF, request)
    } catch (error) {
      throw refused(kind, name, text, error as NetError)
    }
    const given = request.toString('utf8', 0, request.indexOf(0))
    return new DescriptorLink({ ...setup, fd, type: kind === 'tap' ? 'ethernet' : 'ip', name: `${kind}://${given}` })
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function openDevice(text: string): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' || code === 'ENODEV'
        ? `the kernel has no TAP devices (${DEVICE}). Type: modprobe tun`
        : `${DEVICE} cannot be opened (${code}). Become root, or join a switch: ioth switch DIR`
    throw networkError(`"${text}": ${why}`, error)
  }
}

function refused(kind: string, name: string, text: string, error: NetError): NetError {
  const why: Readonly<Record<string, string>> = {
    EPERM: `only root may make the interface. Become root, or let root give it to you: ip tuntap add ${name} mode ${kind} user ${process.getuid?.()}`,
    EBUSY: `another program uses the interface ${name}. Choose another name`,
    EINVAL: `${name} is an interface of another kind. Choose another name`,
  }
  // `ioctl EBUSY`: core has no code of its own for all of these.
  const errno = error.message.split(' ').pop() as string
  return networkError(`"${text}": ${why[errno] ?? error.message}`, error)
}
