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
}
