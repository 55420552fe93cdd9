/**
 * The capture format pcapng (draft-ietf-opsawg-pcapng), which Wireshark and tshark read: several interfaces in one file, each with a name, and
 * the secrets of TLS connections beside their frames.
 *
 * @module
 */

// Block types (section 4) and options
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6
const DECRYPTION_SECRETS = 10
const BYTE_ORDER = 0x1a2b3c4d
const OPTION_APPLICATION = 4
const OPTION_NAME = 2
const LINKTYPE_ETHERNET = 1
const SNAPSHOT_LENGTH = 262_144
/** "TLSK": lines of an NSS key log (section 4.7). */
const TLS_KEY_LOG = 0x544c534b

/** Blocks of one section, in memory of their own, little-endian. */
export class PcapngEncoder {
  private interfaces = 0

  /** What the file begins with. */
  header(): Buffer {
    const body = Buffer.alloc(16)
    body.writeUInt32LE(BYTE_ORDER, 0)
    body.writeUInt16LE(1, 4)
    // The section's length is not known.
    body.writeInt32LE(-1, 8)
    body.writeInt32LE(-1, 12)
    return block(SECTION_HEADER, [body, option(OPTION_APPLICATION, 'ioth'), END_OF_OPTIONS])
  }

  /** @returns the block, and the number by which frames name this interface. */
  addInterface(name: string): { readonly octets: Buffer; readonly index: number } {
    const body = Buffer.alloc(8)
    body.writeUInt16LE(LINKTYPE_ETHERNET, 0)
    body.writeUInt32LE(SNAPSHOT_LENGTH, 4)
    return {
      octets: block(INTERFACE_DESCRIPTION, [body, option(OPTION_NAME, name), END_OF_OPTIONS]),
      index: this.interfaces++,
    }
  }

  /** @param microseconds Unix time. */
  frame(index: number, microseconds: number, frame: Uint8Array): Buffer {
    const body = Buffer.alloc(20)
    body.writeUInt32LE(index, 0)
    body.writeUInt32LE(Math.floor(microseconds / 0x1_0000_0000), 4)
    body.writeUInt32LE(microseconds % 0x1_0000_0000, 8)
    body.writeUInt32LE(frame.length, 12)
    body.writeUInt32LE(frame.length, 16)
    return block(ENHANCED_PACKET, [body, padded(frame)])
  }

  /** Lines of a key log. They must come before the frames that they decrypt. */
  secrets(keyLog: Uint8Array): Buffer {
    const body = Buffer.alloc(8)
    body.writeUInt32LE(TLS_KEY_LOG, 0)
    body.writeUInt32LE(keyLog.length, 4)
    return block(DECRYPTION_SECRETS, [body, padded(keyLog)])
  }
}

const END_OF_OPTIONS = Buffer.alloc(4)

function option(code: number, text: string): Buffer {
  const value = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt16LE(code, 0)
  head.writeUInt16LE(value.length, 2)
  return Buffer.concat([head, padded(value)])
}

/** Blocks are made of whole words. */
function padded(octets: Uint8Array): Buffer {
  const rest = octets.length % 4
  return rest === 0
    ? Buffer.from(octets.buffer, octets.byteOffset, octets.length)
    : Buffer.concat([octets, Buffer.alloc(4 - rest)])
}

function block(type: number, parts: readonly Buffer[]): Buffer {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(8)
  const tail = Buffer.alloc(4)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(length, 4)
  tail.writeUInt32LE(length, 0)
  return Buffer.concat([head, ...parts, tail])
}
