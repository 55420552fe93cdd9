/**
 * Ports as the library has them. It tells sockets of one port apart by the port of their peer alone, and refuses a port to a listener while old
 * connections have it: so a port that it has already gets another number inside, which is changed on the way.
 *
 * @module
 */
export class InsidePorts {
  /** What each is outside, and how many have it. */
  private readonly outside = new Map<number, { readonly port: number; holders: number }>()
  private last = LEAST

  /** A port inside that nobody has: the same, if it can be. */
  take(port: number): number {
    let inside = port
    while (this.outside.has(inside)) {
      this.last = this.last >= MOST ? LEAST : this.last + 1
      inside = this.last
    }
    this.outside.set(inside, { port, holders: 1 })
    return inside
  }

  /** One more has it: a connection that its listener does not outlive. */
  hold(inside: number): void {
    const known = this.outside.get(inside)
    if (known !== undefined) known.holders++
  }

  release(inside: number): void {
    const known = this.outside.get(inside)
    if (known !== undefined && --known.holders === 0) this.outside.delete(inside)
  }

  /** The port outside; -1: nobody has this one. */
  real(inside: number): number {
    return this.outside.get(inside)?.port ?? -1
  }

  /** Whether somebody has a number inside. */
  has(inside: number): boolean {
    return this.outside.has(inside)
  }
}

const LEAST = 1024
const MOST = 65_535
