/**
 * Who may have reported whom, a bit each: none is missing, but one may be left of a report that is over. Of a thousand
 * nodes nearly every message speaks well of nodes that others call failing, and takes nothing back, since its sender
 * has not reported them: that is seen here, in one line of memory for a whole message, and not in the reports of each
 * of those nodes.
 * Reporters and subjects are rows of the view. Elsewhere: the reports (failure-reports.ts).
 */
export class ReportedBits {
  #words = new Int32Array(0)
  /** Rows that have room, of either kind: a multiple of 32. */
  #capacity = 0

  set(reporter: number, subject: number): void {
    if (reporter >= this.#capacity || subject >= this.#capacity) this.#grow(Math.max(reporter, subject))
    this.#words[this.#wordOf(reporter, subject)]! |= 1 << (subject & 31)
  }

  clear(reporter: number, subject: number): void {
    if (reporter >= this.#capacity || subject >= this.#capacity) return
    this.#words[this.#wordOf(reporter, subject)]! &= ~(1 << (subject & 31))
  }

  /** @returns false if `reporter` has surely not reported `subject` */
  has(reporter: number, subject: number): boolean {
    if (reporter >= this.#capacity || subject >= this.#capacity) return false
    return (this.#words[this.#wordOf(reporter, subject)]! & (1 << (subject & 31))) !== 0
  }

  /** Any may have reported any, as after rows have moved. */
  setAll(): void { this.#words.fill(-1) }

  #wordOf(reporter: number, subject: number): number { return reporter * (this.#capacity >> 5) + (subject >> 5) }

  #grow(row: number): void {
    const former = this.#words
    const formerStride = this.#capacity >> 5
    this.#capacity = Math.max(32, 2 ** Math.ceil(Math.log2(row + 1)))
    const stride = this.#capacity >> 5
    this.#words = new Int32Array(this.#capacity * stride)
    for (let at = 0; at < former.length; at += formerStride)
      this.#words.set(former.subarray(at, at + formerStride), at / formerStride * stride)
  }
}
