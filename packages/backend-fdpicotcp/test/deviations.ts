/** Tests that fd_picoTCP is known to fail, each with its reason in the library. */
import { type Deviation, UNFRAGMENTED_DEVIATIONS } from '@ioth/conformance'

/** By reason. */
const DEVIATIONS: Readonly<Record<string, readonly string[]>> = {
  'the library has a buffer of 16 KiB of its own, and its process one of the size that the limits speak of, beside that of the program':
    ['P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end'],
  'the library knows one device by its descriptors': [
    'an interface can be added and removed',
    'two links: the scope says which',
  ],
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
  'the neighbours of a stack in a helper process are not listed': [
    'R-ARP-01 R-ARP-02 who asks for our address is answered, and known from then on; who asks for another is not',
  ],
}

export const deviations: readonly Deviation[] = [
  ...UNFRAGMENTED_DEVIATIONS,
  ...Object.entries(DEVIATIONS).flatMap(([reason, tests]) => tests.map((test) => ({ test, reason }))),
]
