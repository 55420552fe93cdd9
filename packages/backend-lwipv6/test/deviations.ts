/** Tests that LWIPv6 is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = [
  {
    test: 'a listener comes back at once beside old connections of its port',
    reason: 'lwip_bind refuses a port that a connection still has (tcp.c, tcp_bind): EADDRINUSE',
  },
]
