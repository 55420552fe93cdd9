/**
 * Where the fields of the headers lie: octets from the beginning of each header, all in network order.
 *
 * @module
 */

// Ethernet II: destination(6) source(6) type(2)
export const ETH_DESTINATION = 0
export const ETH_SOURCE = 6
export const ETH_TYPE = 12
export const ETHERNET_HEADER = 14
/** IEEE 802.1Q: four octets between source and type. */
export const VLAN_TAG = 4
export const ETHERTYPE_IP4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_VLAN = 0x8100
export const ETHERTYPE_IP6 = 0x86dd

// ARP for IPv4 over Ethernet (RFC 826): hardware(2) protocol(2) lengths(1+1) operation(2) sender(6+4) target(6+4)
export const ARP_HARDWARE = 0
export const ARP_PROTOCOL = 2
export const ARP_HARDWARE_LENGTH = 4
export const ARP_PROTOCOL_LENGTH = 5
export const ARP_OPERATION = 6
export const ARP_SENDER_MAC = 8
export const ARP_SENDER_IP = 14
export const ARP_TARGET_MAC = 18
export const ARP_TARGET_IP = 24
export const ARP_LENGTH = 28

// IPv4 (RFC 791 3.1)
export const IP4_VERSION_IHL = 0
export const IP4_TRAFFIC_CLASS = 1
export const IP4_TOTAL_LENGTH = 2
export const IP4_ID = 4
/** Three flags and the fragment offset in units of 8 octets. */
export const IP4_FRAGMENT = 6
export const IP4_TTL = 8
export const IP4_PROTOCOL = 9
export const IP4_CHECKSUM = 10
export const IP4_SOURCE = 12
export const IP4_DESTINATION = 16
/** Without options. */
export const IP4_HEADER = 20
export const IP4_DONT_FRAGMENT = 0x4000
export const IP4_MORE_FRAGMENTS = 0x2000
export const IP4_FRAGMENT_OFFSET = 0x1fff

// IPv6 (RFC 8200 3)
export const IP6_VERSION_CLASS_FLOW = 0
export const IP6_PAYLOAD_LENGTH = 4
export const IP6_NEXT_HEADER = 6
export const IP6_HOP_LIMIT = 7
export const IP6_SOURCE = 8
export const IP6_DESTINATION = 24
export const IP6_HEADER = 40

// Protocol numbers, and next headers
export const PROTO_HOP_BY_HOP = 0
export const PROTO_ICMP = 1
export const PROTO_TCP = 6
export const PROTO_UDP = 17
export const PROTO_ROUTING = 43
export const PROTO_FRAGMENT = 44
export const PROTO_ICMP6 = 58
export const PROTO_NONE = 59
export const PROTO_DESTINATION_OPTIONS = 60

// ICMP and ICMPv6 (RFC 792, RFC 4443)
export const ICMP_TYPE = 0
export const ICMP_CODE = 1
export const ICMP_CHECKSUM = 2
/** Identifier of an echo; the rest of the header is type-specific. */
export const ICMP_ID = 4
export const ICMP_SEQUENCE = 6
export const ICMP_HEADER = 8

// UDP (RFC 768)
export const UDP_SOURCE = 0
export const UDP_DESTINATION = 2
export const UDP_LENGTH = 4
export const UDP_CHECKSUM = 6
export const UDP_HEADER = 8

// TCP (RFC 9293 3.1)
export const TCP_SOURCE = 0
export const TCP_DESTINATION = 2
export const TCP_SEQUENCE = 4
export const TCP_ACKNOWLEDGMENT = 8
/** Header length in 32-bit words, in the upper four bits. */
export const TCP_DATA_OFFSET = 12
export const TCP_FLAGS = 13
export const TCP_WINDOW = 14
export const TCP_CHECKSUM = 16
export const TCP_URGENT = 18
/** Without options. */
export const TCP_HEADER = 20
export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80
