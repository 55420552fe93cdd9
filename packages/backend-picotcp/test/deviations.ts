/**
 * Tests of the suite that picoTCP fails, each with what the library does.
 *
 * @module
 */
import type { Deviation } from '@ioth/conformance'

/** By reason. */
const DEVIATIONS: Readonly<Record<string, readonly string[]>> = {
  'a SYN that crosses its own is not looked at (pico_tcp.c, tcp_fsm: nothing for it in SYN_SENT)': [
    'P-09 simultaneous open, 0 ms apart, makes one connection',
    'P-09 simultaneous open, 50 ms apart, makes one connection',
  ],
  'older than RFC 5961: a RST anywhere in the window counts, and challenges are not limited (pico_tcp.c, tcp_rst and tcp_halfopencon)':
    [
      'R-TCP-12 RST: at the next number it resets; elsewhere in the window a challenge; outside nothing',
      'R-TCP-15 challenges are limited in number',
      'H-24 R-TCP-12 R-TCP-13 R-TCP-14',
    ],
  'octets are taken whatever their acknowledgement says (pico_tcp.c, tcp_data_in)': [
    'R-TCP-14 an ACK of what was never sent: answered, and its octets discarded',
  ],
  'SACK is offered whatever the peer says, and a report has one block, of nothing twice (pico_tcp.c, tcp_add_options and tcp_sack_prepare)':
    [
      'R-TCP-39 SACK is used when both SYNs say so, and said on SYNs only',
      'R-TCP-39 P-06',
      'R-TCP-41 what comes twice is reported first, and once',
    ],
  'it counts nothing of what it drops (pico_ipv6.c)': [
    'R-IP6-03 an option nobody knows: its two high bits decide',
    'R-IP6-03 R-ICMP6-01',
  ],
  'its errors are not limited (pico_icmp4.c, pico_icmp6.c)': ['R-ICMP6-02 errors are limited', 'R-ICMP4-03'],
  'segments with flags that it does not know, urgent data and congestion, are dropped (pico_tcp.c, pico_tcp_input)': [
    'R-TCP-34 H-17 urgent octets stay in line',
    'R-TCP-47 without ECN: nothing is negotiated, nothing is marked, marks change nothing',
  ],
  'the scale of its window is on every segment, and timestamps are of one clock and never compared (pico_tcp.c, tcp_add_options and tcp_parse_options)':
    [
      'R-TCP-42 R-TCP-43',
      'R-TCP-43 timestamps once agreed: on all segments, echoing the newest that came in order',
      'R-TCP-44 PAWS: an older timestamp is answered and dropped, and the connection goes on',
      'R-TCP-45 timestamps of two connections do not tell the same clock',
    ],
  'its pings have no time to live (pico_icmp4.c, pico_icmp4_ping)': [
    'traceroute: each router, silence in between, the destination at the end',
    'traceroute: ends where a router knows no further, and at the most hops',
    'traceroute: no route, a wrong option, given up',
  ],
  'its pings carry 1400 octets at most, in one frame': [
    'R-ICMP4-02 all sizes come back whole, in fragments if need be',
    'R-ICMP6-04 P-19',
  ],
}

export const deviations: readonly Deviation[] = [
  ...Object.entries(DEVIATIONS).flatMap(([reason, tests]) => tests.map((test) => ({ test, reason }))),
]
