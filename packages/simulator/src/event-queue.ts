/**
 * What will happen when, in virtual milliseconds: a binary heap. Events of one moment come in the order in which they
 * were entered, so that one seed is one story.
 */
interface Entry {
  at: number
  order: number
  run: () => void
}

export class EventQueue {
  readonly #heap: Entry[] = []
  #order = 0
  now = 0

  get size(): number { return this.#heap.length }

  at(time: number, run: () => void): void {
    const heap = this.#heap
    const entry: Entry = { at: Math.max(time, this.now), order: this.#order++, run }
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  after(delay: number, run: () => void): void { this.at(this.now + delay, run) }

  /** Runs the next event. @returns false if there is none up to `until`, which is the time then. */
  next(until: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.at > until) {
      this.now = until
      return false
    }
    this.now = first.at
    this.#removeFirst()
    first.run()
    return true
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    const { length } = heap
    if (length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

const before = (left: Entry, right: Entry): boolean => left.at < right.at ||
  (left.at === right.at && left.order < right.order)
