/**
 * What will happen when, in virtual milliseconds: a binary heap. Events of one moment come in the order in which they
 * were entered, so that one seed is one story. Times lie beside each other and not in objects: of a thousand nodes that
 * connect to each other a hundred thousand events wait at a time.
 */

/** What happens: a function, or an object that stands for many alike. */
export type Happening = (() => void) | { happen: () => void }

export class EventQueue {
  #times = new Float64Array(1024)
  #orders = new Float64Array(1024)
  readonly #happenings: (Happening | null)[] = []
  #order = 0
  #size = 0
  now = 0

  get size(): number { return this.#size }
  /** How many events were entered so far. */
  get entered(): number { return this.#order }

  at(time: number, happening: Happening): void {
    const index = this.#size++
    if (index === this.#times.length) this.#grow()
    this.#rise(index, Math.max(time, this.now), this.#order++, happening)
  }

  after(delay: number, happening: Happening): void { this.at(this.now + delay, happening) }

  /** Runs the next event. @returns false if there is none up to `until`, which is the time then. */
  next(until: number): boolean {
    if (this.#size === 0 || this.#times[0]! > until) {
      this.now = until
      return false
    }
    this.now = this.#times[0]!
    const first = this.#happenings[0]!
    this.#removeFirst()
    if (typeof first === 'function') first()
    else first.happen()
    return true
  }

  /** Puts an event into the heap whose hole is at `index`. */
  #rise(start: number, time: number, order: number, happening: Happening | null): void {
    const times = this.#times
    const orders = this.#orders
    const happenings = this.#happenings
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      const parentTime = times[parent]!
      if (parentTime < time || (parentTime === time && orders[parent]! < order)) break
      times[index] = parentTime
      orders[index] = orders[parent]!
      happenings[index] = happenings[parent]!
      index = parent
    }
    times[index] = time
    orders[index] = order
    happenings[index] = happening
  }

  #removeFirst(): void {
    const times = this.#times
    const orders = this.#orders
    const happenings = this.#happenings
    const last = --this.#size
    // The hole goes down along the earlier children, and the last event rises in it, seldom far.
    let index = 0
    for (let child = 1; child < last; child = 2 * index + 1) {
      const other = child + 1
      const isOther = other < last &&
        (times[other]! < times[child]! || (times[child] === times[other] && orders[other]! < orders[child]!))
      const earlier = isOther ? other : child
      times[index] = times[earlier]!
      orders[index] = orders[earlier]!
      happenings[index] = happenings[earlier]!
      index = earlier
    }
    if (index !== last) this.#rise(index, times[last]!, orders[last]!, happenings[last]!)
    happenings[last] = null
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length)
    const orders = new Float64Array(times.length)
    times.set(this.#times)
    orders.set(this.#orders)
    this.#times = times
    this.#orders = orders
  }
}
