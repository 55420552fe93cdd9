/**
 * H-18: all combinations of flags in all states, each against what RFC 9293 3.10.7 and RFC 5961 say. The segment stands at RCV.NXT and
 * acknowledges all that was sent, so that nothing but its flags decides.
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { Conversation, describe, ip, NOTHING_LEFT, PEER, Scenario } from '../scenario.ts'

/** What has to happen: the state afterwards, and the flags of the answer, if there is one. */
interface Outcome {
  readonly state: string
  readonly answer: string
}

/** Brings a connection into a state. The block is then addressed by its ports and numbers. */
interface Subject {
  readonly ourPort: number
  readonly peerPort: number
  readonly seq: number
  readonly ack: number
}

const has = (flags: number, bit: number): boolean => (flags & bit) !== 0

function expected(state: string, flags: number): Outcome {
  const stays = { state, answer: '' }
  const [fin, syn, rst, ack] = [TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK].map((bit) => has(flags, bit))
  if (state === 'CLOSED') return { state: '', answer: rst ? '' : ack ? 'RST' : 'RST,ACK' }
  if (state === 'LISTEN') {
    if (rst) return { state: '', answer: '' }
    if (ack) return { state: '', answer: 'RST' }
    // A SYN with a FIN is dropped: a departure, as hosts do it.
    return syn && !fin ? { state: 'SYN-RECEIVED', answer: 'SYN,ACK' } : { state: '', answer: '' }
  }
  if (state === 'SYN-SENT') {
    if (rst) return ack ? { state: 'CLOSED', answer: '' } : stays
    if (!syn) return stays
    return ack ? { state: 'ESTABLISHED', answer: 'ACK' } : { state: 'SYN-RECEIVED', answer: 'SYN,ACK' }
  }
  if (state === 'TIME-WAIT') {
    // RFC 1337, RFC 5961 4: neither RST nor SYN ends it; what has a length is answered.
    if (rst) return stays
    return { state, answer: syn || fin ? 'ACK' : '' }
  }
  if (state === 'SYN-RECEIVED') {
    // Opened passively: back to LISTEN.
    if (rst || syn) return { state: '', answer: '' }
    if (!ack) return stays
    return fin ? { state: 'CLOSE-WAIT', answer: 'ACK' } : { state: 'ESTABLISHED', answer: '' }
  }
  if (rst) return { state: 'CLOSED', answer: '' }
  if (syn) return { state, answer: 'ACK' }
  if (!ack) return stays
  switch (state) {
    case 'ESTABLISHED':
      return fin ? { state: 'CLOSE-WAIT', answer: 'ACK' } : stays
    case 'FIN-WAIT-1':
    case 'FIN-WAIT-2':
      return fin ? { state: 'TIME-WAIT', answer: 'ACK' } : { state: 'FIN-WAIT-2', answer: '' }
    case 'CLOSING':
      return { state: 'TIME-WAIT', answer: '' }
    case 'LAST-ACK':
      return { state: 'CLOSED', answer: '' }
    default:
      return stays
  }
}

/** A connection in a state, and what tells its state. */
function subject(scenario: Scenario, state: string, number: number): Subject {
  const passive = { ourPort: 80, peerPort: 20_000 + number, seq: 5, ack: 777 }
  if (state === 'CLOSED' || state === 'LISTEN') return passive
  if (state === 'SYN-SENT') {
    scenario.stack.openTcp(4).connect(ip(PEER), 80)
    const syn = scenario.segment()
    return { ourPort: syn.sourcePort, peerPort: 80, seq: 5, ack: (syn.sequence + 1) | 0 }
  }
  if (state === 'SYN-RECEIVED') {
    scenario.tcp({ sourcePort: passive.peerPort, destinationPort: 80, sequence: 5, flags: TCP_SYN })
    return { ...passive, seq: 6, ack: (scenario.segment().sequence + 1) | 0 }
  }
  const peer = Conversation.connect(scenario, {}, number * 100_000)
  const before = peer.ack
  if (state === 'CLOSE-WAIT' || state === 'LAST-ACK') peer.send({ flags: TCP_FIN | TCP_ACK })
  if (state !== 'ESTABLISHED' && state !== 'CLOSE-WAIT') peer.socket.shutdown()
  peer.hear()
  if (state === 'FIN-WAIT-2' || state === 'TIME-WAIT') peer.send()
  if (state === 'TIME-WAIT') peer.send({ flags: TCP_FIN | TCP_ACK })
  if (state === 'CLOSING') peer.send({ flags: TCP_FIN | TCP_ACK, acknowledgment: before })
  peer.hear()
  return peer
}

/** The state of the connection with the ports given, as the stack lists it; '' when there is none. */
function stateOf(scenario: Scenario, { ourPort, peerPort }: Subject): string {
  for (const { endpoint, state } of scenario.stack.sockets()) {
    if (endpoint.localPort === ourPort && endpoint.remotePort === peerPort) return state
  }
  return ''
}

const STATES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
]

for (const state of STATES) {
  test(`H-18 R-TCP-07 R-TCP-08 R-TCP-09 R-TCP-11 R-TCP-12 R-TCP-13 all 256 combinations of flags in ${state}`, async () => {
    const scenario = await Scenario.create({ limits: { backlog: 300 } })
    const isPassive = state === 'LISTEN' || state === 'SYN-RECEIVED'
    if (isPassive) scenario.listen(80, 300)
    for (let flags = 0; flags < 256; flags++) {
      const its = subject(scenario, state, flags)
      if (state !== 'CLOSED' && state !== 'LISTEN') expect(stateOf(scenario, its)).toBe(state)
      const { ourPort: destinationPort, peerPort: sourcePort, seq: sequence, ack: acknowledgment } = its
      scenario.tcp({ sourcePort, destinationPort, sequence, acknowledgment, flags })
      const answer = describe(scenario.segments()).replaceAll('(0)', '')
      expect({ state: stateOf(scenario, its), answer }, `flags ${flags.toString(2)} in ${state}`).toEqual(
        expected(state, flags),
      )
    }
    for (const { endpoint } of scenario.stack.sockets())
      if ('reset' in endpoint) (endpoint as { reset(): void }).reset()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  })
}
