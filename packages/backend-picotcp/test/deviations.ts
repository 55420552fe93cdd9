/**
 * Tests of the suite that picoTCP fails, each with what the library does.
 *
 * @module
 */
import { type Deviation, type DeviationsByReason, deviationsOf } from '@ioth/conformance'
import { PICOTCP } from './picotcp-deviations.ts'

/** By reason. */
const DEVIATIONS: DeviationsByReason = {
  'the timestamps of all connections are of one clock (pico_tcp.c, tcp_add_options)': [
    'R-TCP-45 timestamps of two connections do not tell the same clock',
  ],
  'a report of what came before its turn has one block (pico_tcp.c, tcp_sack_prepare)': [
    'R-TCP-39 P-06 the newest block first, 3 at most with timestamps',
  ],
  'with extension headers it takes packets whose length is a multiple of eight only (pico_ipv6.c, pico_ipv6_check_aligned)':
    ['R-ICMP6-02 H-11 the quote of a packet that came in fragments is that of the whole'],
  'datagrams leave at the length of the link: no path MTU is kept for them beside the library, which has none (pico_icmp6.c, pico_icmp6_process_in)':
    ['R-IP6-09 R-IP6-07 too big: what follows fits; never below 1280, and only for what we sent'],
  'of 127.0.0.0/8 it has the address 127.0.0.1 (pico_socket.c, pico_socket_bind looks for a link of the address)': [
    'a stack talks to itself, by its address and by 127.0.0.1',
  ],
}

export const deviations: readonly Deviation[] = deviationsOf({ ...PICOTCP, ...DEVIATIONS })
