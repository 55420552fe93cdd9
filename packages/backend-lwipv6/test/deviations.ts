/** Tests that LWIPv6 is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = [
  {
    test: 'P-10 a reader that stops: the writer is stopped, memory stays flat, and resuming delivers everything',
    reason:
      'the library has buffers of 32 KiB of its own (lwipopts.h, TCP_SND_BUF and TCP_WND) beside those that the limits speak of',
  },
  {
    test: 'P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end',
    reason:
      'the library takes a window of 32 KiB (lwipopts.h, TCP_WND), whatever the limit of the receive buffer is; and the helper keeps as much as the program',
  },
  {
    test: 'a listener comes back at once beside old connections of its port',
    reason: 'lwip_bind refuses a port that a connection still has (tcp.c, tcp_bind): EADDRINUSE',
  },
]
