/**
 * The module `ws://HOST:PORT/token=TOKEN`: a switch that serves WebSockets (`ioth switch --ws`), one frame a message.
 *
 * @module
 */
import { type FramePool, type Link, openWebSocketLink, type Scheduler, type WebSocketLike } from '@ioth/core'
import { openRejoiningLink } from '../plug/rejoining-link.ts'
import { networkError } from './switch-directory.ts'

interface Setup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
  readonly name: string
}

/** @throws NetError ERR_IOTH_NETWORK */
export async function openWs(
  { address, options, text }: { address: string; options: ReadonlyMap<string, string>; text: string },
  { scheduler, pool, mtu, name }: Setup,
): Promise<Link> {
  // The second is that of the URL which the switch tells.
  const token = options.get('token') ?? options.get('?token')
  if (address === '' || token === undefined) {
    throw networkError(
      `"${text}": it needs a host and a token: ws://127.0.0.1:8787/token=TOKEN. ioth switch --ws tells both`,
    )
  }
  const { WebSocket } = await import('ws')
  const url = `ws://${address}/?token=${encodeURIComponent(token)}&name=${encodeURIComponent(name)}`
  const connect = (to: string): WebSocketLike => {
    const socket = new WebSocket(to, { perMessageDeflate: false })
    // Whoever uses a stack holds the process, not its links.
    socket.on('upgrade', ({ socket: under }) => under.unref())
    return socket as unknown as WebSocketLike
  }
  const shown = `ws://${address}`
  const open = (): Promise<Link> => openWebSocketLink(url, { scheduler, pool, mtu, name: shown, connect })
  return await openRejoiningLink({ scheduler, type: 'ethernet', mtu, name: shown, open })
}
