/** Tests that LWIPv6 is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = [
  {
    test: 'P-10 a reader that stops: the writer is stopped, memory stays flat, and resuming delivers everything',
    reason:
      'the library has buffers of 32 KiB of its own (lwipopts.h, TCP_SND_BUF and TCP_WND) beside those that the limits speak of',
  },
  {
    test: 'a listener comes back at once beside old connections of its port',
    reason: 'lwip_bind refuses a port that a connection still has (tcp.c, tcp_bind): EADDRINUSE',
  },
]
