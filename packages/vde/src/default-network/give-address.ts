/**
 * A free address for a stack that has none.
 *
 * @module
 */
import { hasCode, type Interface, IpAddress, type Link, parseCidr, type Stack } from '@ioth/core'
import { chooseAddress } from './choose-address.ts'

/** How often another address is tried where only the stack's own probes tell that one is taken. */
const TRIES = 8

/**
 * @param near an address that will be spoken to: a free one of the same network is taken.
 * @throws NetError EADDRNOTAVAIL when all are taken; else as `Interface.addAddress`.
 */
export async function giveAddress(stack: Stack, near?: IpAddress): Promise<void> {
  const [plug] = stack.interfaces as [Interface]
  for (let tried = 1; ; tried++) {
    try {
      const { address, prefixLength } = await propose(stack, plug, near, tried)
      await plug.addAddress(address, prefixLength)
      return
    } catch (error) {
      if (tried === TRIES || !hasCode(error, 'EADDRINUSE')) throw error
    }
  }
}

async function propose(
  stack: Stack,
  plug: Interface,
  near: IpAddress | undefined,
  tried: number,
): Promise<{ address: IpAddress; prefixLength: number }> {
  if (near?.family === 6) {
    const { random } = stack.scheduler
    return { address: new IpAddress(6, near.w0, near.w1, random.int32(), random.int32()), prefixLength: 64 }
  }
  const text = await chooseAddress(plug.link as Link, {
    mac: plug.mac,
    name: `${process.argv[1] ?? ''} ${tried}`,
    ...(near === undefined ? {} : { network: `${near}/24` }),
  })
  return parseCidr(text)
}
