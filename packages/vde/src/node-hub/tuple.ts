/**
 * Two addresses and two ports, as numbers. An IPv4 address is four words, too, in the form in which IPv6 knows it.
 *
 * @module
 */
import { IpAddress } from '@ioth/core'

export class Tuple {
  local0 = 0
  local1 = 0
  local2 = 0
  local3 = 0
  remote0 = 0
  remote1 = 0
  remote2 = 0
  remote3 = 0
  localPort = 0
  remotePort = 0

  setLocal4(word: number): void {
    this.local0 = 0
    this.local1 = 0
    this.local2 = 0xffff
    this.local3 = word
  }

  setRemote4(word: number): void {
    this.remote0 = 0
    this.remote1 = 0
    this.remote2 = 0xffff
    this.remote3 = word
  }

  setLocal6(view: DataView, at: number): void {
    this.local0 = view.getInt32(at)
    this.local1 = view.getInt32(at + 4)
    this.local2 = view.getInt32(at + 8)
    this.local3 = view.getInt32(at + 12)
  }

  setRemote6(view: DataView, at: number): void {
    this.remote0 = view.getInt32(at)
    this.remote1 = view.getInt32(at + 4)
    this.remote2 = view.getInt32(at + 8)
    this.remote3 = view.getInt32(at + 12)
  }

  /** One number for both ports: it fits a Map's fast keys well enough, and the addresses are compared at the end. */
  get key(): number {
    return this.localPort * 65536 + this.remotePort
  }

  equals(other: Tuple): boolean {
    return (
      this.remote3 === other.remote3 &&
      this.local3 === other.local3 &&
      this.localPort === other.localPort &&
      this.remotePort === other.remotePort &&
      this.remote0 === other.remote0 &&
      this.remote1 === other.remote1 &&
      this.remote2 === other.remote2 &&
      this.local0 === other.local0 &&
      this.local1 === other.local1 &&
      this.local2 === other.local2
    )
  }

  copy(from: Tuple): this {
    this.local0 = from.local0
    this.local1 = from.local1
    this.local2 = from.local2
    this.local3 = from.local3
    this.remote0 = from.remote0
    this.remote1 = from.remote1
    this.remote2 = from.remote2
    this.remote3 = from.remote3
    this.localPort = from.localPort
    this.remotePort = from.remotePort
    return this
  }

  /** The same, seen from the other side. */
  reverse(from: Tuple): this {
    this.local0 = from.remote0
    this.local1 = from.remote1
    this.local2 = from.remote2
    this.local3 = from.remote3
    this.remote0 = from.local0
    this.remote1 = from.local1
    this.remote2 = from.local2
    this.remote3 = from.local3
    this.localPort = from.remotePort
    this.remotePort = from.localPort
    return this
  }

  setLocal({ w0, w1, w2, w3 }: IpAddress): void {
    this.local0 = w0
    this.local1 = w1
    this.local2 = w2
    this.local3 = w3
  }

  setRemote({ w0, w1, w2, w3 }: IpAddress): void {
    this.remote0 = w0
    this.remote1 = w1
    this.remote2 = w2
    this.remote3 = w3
  }

  isLocal({ w0, w1, w2, w3 }: IpAddress): boolean {
    return this.local3 === w3 && this.local2 === w2 && this.local1 === w1 && this.local0 === w0
  }

  get isV4(): boolean {
    return this.local0 === 0 && this.local1 === 0 && this.local2 === 0xffff
  }

  get local(): IpAddress {
    return new IpAddress(this.isV4 ? 4 : 6, this.local0, this.local1, this.local2, this.local3)
  }
}
