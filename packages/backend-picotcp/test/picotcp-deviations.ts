/**
 * Tests of the suite that picoTCP fails by whatever interface it is used: fd_picoTCP is one, too.
 *
 * @module
 */
import type { DeviationsByReason } from '@ioth/conformance'

export const PICOTCP: DeviationsByReason = {
  'a SYN that crosses its own is not looked at (pico_tcp.c, tcp_fsm: nothing for it in SYN_SENT)': [
    'P-09 simultaneous open, 0 ms apart, makes one connection',
    'P-09 simultaneous open, 50 ms apart, makes one connection',
  ],
  'its timeouts begin at 70 ms (pico_tcp.c, PICO_TCP_RTO_MIN), sooner than a moment of these tests passes; after one it sends all again from the oldest on (tcp_ack)':
    [
      'R-TCP-25 the timer starts anew with each acknowledgement, and stops with the last',
      'R-TCP-36 P-05 after a timeout one segment, then two for each acknowledgement at most',
      'R-TCP-37 the third duplicate resends at once; a full acknowledgement behind it ends that',
      'R-TCP-37 R-TCP-38',
      'R-TCP-40 only the holes go again, without a timeout, and no faster than what arrives',
      'R-TCP-41 a reported duplicate makes nothing go again',
    ],
  'that its SYN was repeated changes neither its window nor its timeout (pico_tcp.c, tcp_synack)': [
    'R-TCP-26 after a SYN that was repeated: one segment, and three seconds for it',
  ],
  'a window update counts as a duplicate acknowledgement (pico_tcp.c, tcp_ack), and its timeouts begin at 70 ms (PICO_TCP_RTO_MIN)':
    ['R-TCP-37 what is no duplicate: a window update, a segment with data, one that acknowledges nothing in flight'],
  'a report of what came before its turn has one block, of nothing twice (pico_tcp.c, tcp_sack_prepare)': [
    'R-TCP-39 P-06 the newest block first, 4 at most',
    'R-TCP-41 what comes twice is reported first, and once',
  ],
  'it counts nothing of what it drops (pico_ipv6.c)': [
    'R-IP6-03 an option nobody knows: its two high bits decide',
    'R-IP6-03 R-ICMP6-01',
  ],
  'it finds no way to a link-local address, so that no socket connects to one (pico_ipv6.c, pico_ipv6_route_find)': [
    'link-local addresses: the scope by index, by name, or the only one',
  ],
}
