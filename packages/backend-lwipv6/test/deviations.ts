/** Tests that LWIPv6 is known to fail, each with its reason in the library. */
import { type Deviation, type DeviationsByReason, deviationsOf, UNFRAGMENTED_DEVIATIONS } from '@ioth/conformance'

/** By reason. */
const DEVIATIONS: DeviationsByReason = {
  'the library has buffers of 32 KiB of its own (lwipopts.h, TCP_SND_BUF and TCP_WND) beside those that the limits speak of':
    ['P-10 a reader that stops: the writer is stopped, memory stays flat, and resuming delivers everything'],
  'the library takes a window of 32 KiB (lwipopts.h, TCP_WND), whatever the limit of the receive buffer is; and the helper keeps as much as the program':
    ['P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end'],
  'its fragments corrupt its heap (ip6_frag.c): a datagram is one frame': [
    'P-19 P-22 a datagram over IPv6 of any size arrives whole, in fragments if need be',
  ],
  'its SYN is sent for twelve seconds at most (tcp.c, tcp_slowtmr)': [
    'R-TCP-27 a silent host: ETIMEDOUT after 100 s at the earliest',
  ],
  'a SYN that crosses its own is not looked at (tcp_in.c, tcp_process: SYN_SENT)': [
    'P-09 simultaneous open, 0 ms apart, makes one connection',
    'P-09 simultaneous open, 50 ms apart, makes one connection',
  ],
  'any acknowledgement ends the back-off of its timer (tcp_in.c, tcp_receive)': [
    'R-TCP-24 an acknowledgement of what was sent twice is no round trip',
  ],
  'its timers count in halves of a second, and begin with three seconds (tcp.h, TCP_SLOW_INTERVAL; tcp.c, tcp_alloc)': [
    'R-TCP-26 after a SYN that was repeated: one segment, and three seconds for it',
    'R-TCP-36 P-05 after a timeout one segment, then two for each acknowledgement at most',
  ],
  'there is no limited transmit, and a stream begins with one segment (tcp_in.c)': [
    'R-TCP-37 R-TCP-38',
    'R-TCP-37 the third duplicate resends at once; a full acknowledgement behind it ends that',
  ],
  'every acknowledgement of the same octet counts as a duplicate (tcp_in.c, tcp_receive)': [
    'R-TCP-37 what is no duplicate: a window update, a segment with data, one that acknowledges nothing in flight',
  ],
  'a window is taken from any segment with a newer number (tcp_in.c, tcp_receive)': [
    'P-04 an acknowledgement on a retransmitted segment does not widen the window',
  ],
  'it offers no more than its peer does (tcp_in.c, tcp_parseopt)': [
    'R-TCP-21 over IPv6: the MSS offered is the MTU less 60; none offered means 1220',
  ],
  'it does not listen to packets that are too big (icmp6.c, icmp_input)': ['R-TCP-49 R-IP6-09'],
  'it reads no extension headers but that of fragments (ip6.c, ip_input)': [
    'R-IP6-03 an option nobody knows: its two high bits decide',
    'R-IP6-03 R-ICMP6-01',
  ],
  'its errors quote the header and eight octets (icmp6.c, icmp_dest_unreach)': ['R-UDP-04 R-ICMP6-02'],
  'its link-local address is that of the hardware address it invents (vdeif.c), and is taken away; it has no other': [
    'link-local addresses: the scope by index, by name, or the only one',
    'two links: the scope says which',
    'R-ND-06 each address is asked for before use, from nowhere, in its own group',
  ],
  'the neighbours of a stack in a helper process are not listed': [
    'R-ARP-01 R-ARP-02 who asks for our address is answered, and known from then on; who asks for another is not',
    'R-ND-01 H-31 an advertisement with one thing wrong is not believed',
  ],
}

export const deviations: readonly Deviation[] = [...UNFRAGMENTED_DEVIATIONS, ...deviationsOf(DEVIATIONS)]
