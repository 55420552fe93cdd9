/**
 * All other modules: the network that the installed libvdeplug opens, `vxvde://`, `slirp://`, `ptp://`, `vxlan://`, …
 *
 * Its calls ignore flags and wait, some of them on a set of descriptors of their own: so each receive is asked for first (poll), and one
 * frame is sent at a time.
 *
 * @module
 */
import { type FramePool, type Link, type Probe, type Scheduler, WOULD_BLOCK } from '@ioth/core'
import type { LibraryRequest } from '@ioth/ffi'
import { isCode, networkError } from './switch-directory.ts'

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
  readonly name: string
}

type Ffi = typeof import('@ioth/ffi')

interface LibVdeplug {
  open(vnl: string, description: string, version: number, options: null): bigint | null
  receive(connection: bigint, into: Uint8Array, length: number, flags: number): number
  send(connection: bigint, from: Uint8Array, length: number, flags: number): number
  descriptor(connection: bigint): number
  close(connection: bigint): number
}

const INTERFACE_VERSION = 1
/** Modules that Debian has in packages of their own. */
const PACKAGES: Readonly<Record<string, string>> = {
  agno: 'libvdeplug-agno',
  pcap: 'libvdeplug-pcap',
  slirp: 'libvdeplug-slirp',
  vdesl: 'libvdeplug-vdesl',
}

let bound: LibVdeplug | null = null

/** @throws NetError ERR_IOTH_NETWORK with the package to install, or what the library says. */
export async function openByLibVdeplug(module: string, text: string, setup: Setup): Promise<Link> {
  const ffi = await load(module, text)
  const library = bind(ffi, module, text)
  const { name, ...rest } = setup
  const connection = library.open(text, `${name} `, INTERFACE_VERSION, null)
  if (connection === null) throw refused(module, text, ffi)
  const fd = library.descriptor(connection)
  return new ffi.DescriptorLink({
    ...rest,
    fd,
    type: 'ethernet',
    name: text,
    endless: true,
    io: {
      read: (into) => (ffi.isReadable(fd) ? library.receive(connection, into, into.length, 0) : WOULD_BLOCK),
      write: (from, length) => {
        // What it does not take is lost, as on a cable: it tells nothing about when it would.
        library.send(connection, from, length, 0)
        return length
      },
      close: () => void library.close(connection),
    },
  })
}

async function load(module: string, text: string): Promise<Ffi> {
  const ffi = await import('@ioth/ffi')
  try {
    ffi.koffi()
    return ffi
  } catch (error) {
    throw networkError(`"${text}": the module ${module} is one of libvdeplug's. ${(error as Error).message}`, error)
  }
}

function bind(ffi: Ffi, module: string, text: string): LibVdeplug {
  if (bound !== null) return bound
  try {
    const { handle } = ffi.openLibrary(requestFor(PACKAGES[module]))
    bound = {
      open: handle.func('void *vde_open_real(const char *, const char *, int, void *)'),
      receive: handle.func('intptr_t vde_recv(void *, void *, size_t, int)'),
      send: handle.func('intptr_t vde_send(void *, const void *, size_t, int)'),
      descriptor: handle.func('int vde_datafd(void *)'),
      close: handle.func('int vde_close(void *)'),
    }
    return bound
  } catch (error) {
    throw networkError(`"${text}": there is no network module "${module}" of ours. ${(error as Error).message}`, error)
  }
}

/** Whether libvdeplug is here, for the networks that it alone opens; when not: why, and what to type. */
export async function probeLibVdeplug(): Promise<Probe> {
  return (await import('@ioth/ffi')).probeLibrary(requestFor(undefined))
}

/** @param also a package beside that of the library. */
function requestFor(also: string | undefined): LibraryRequest {
  return {
    title: 'libvdeplug',
    names: ['libvdeplug.so.2', 'libvdeplug.so'],
    variable: 'IOTH_LIBVDEPLUG',
    install: `apt-get install libvdeplug2${also === undefined ? '' : ` ${also}`}`,
    // Some of its modules have threads.
    pinned: true,
  }
}

function refused(module: string, text: string, ffi: Ffi): Error {
  const error = ffi.errnoError('vde_open')
  const isUnknown = error.message.includes('EPROTONOSUPPORT')
  if (isUnknown) {
    const known = PACKAGES[module]
    const next =
      known === undefined
        ? 'There are: a directory of a switch, vde://, hub://, switch://, udp://, cmd://, tap://, tun://, qemu://, passt://, ws://, null://, and the modules of libvdeplug: vxvde://, slirp://, ptp://. Start a switch: ioth switch DIR'
        : `Type: apt-get install ${known}`
    return networkError(`"${text}": there is no network module "${module}". ${next}`, error)
  }
  const why = isCode(error, 'ENODEV')
    ? 'no such device (multicast needs a route: ip route add 239.0.0.0/8 dev eth0)'
    : error.message
  return networkError(`"${text}": libvdeplug cannot open it: ${why}. To see more: vde_plug '${text}'`, error)
}
