/**
 * Is the history of one register linearizable: can each operation be given a moment between its call and its answer so
 * that every read sees the write before it? A write without an answer may have taken effect at any time after its call,
 * or never.
 * Depth first over which operation came next, going back where none fits; what was tried with the same operations done
 * and the same value is not tried again. Exponential at worst: many unknown writes, long histories. Keep a key short.
 * Source: Wing and Gong, with Lowe's cache.
 */
export interface RegisterOperation {
  kind: 'get' | 'set'
  /** Read or written; null: there was none. */
  value: string | null
  /** On one clock. */
  calledAt: number
  /** null: never answered, or by an error that tells nothing. Reads like that are to be left out. */
  answeredAt: number | null
}

interface Entry {
  /** Of a call: its operation; of an answer: -1. */
  operation: number
  /** Of a call. */
  answer: Entry | null
  before: Entry | null
  after: Entry | null
}

/** @param first  what the register held before. @default null */
export function isLinearizable(operations: readonly RegisterOperation[], first: string | null = null): boolean {
  const head: Entry = { operation: -1, answer: null, before: null, after: null }
  link(head, operations)
  const done = new Uint8Array(operations.length)
  const tried = new Set<string>()
  const trail: { entry: Entry; value: string | null }[] = []
  let value = first
  let left = operations.reduce((count, { answeredAt }) => count + (answeredAt === null ? 0 : 1), 0)
  let entry = head.after
  while (left > 0) {
    if (entry?.answer) {
      const operation = operations[entry.operation]!
      if (operation.kind === 'set' || operation.value === value) {
        done[entry.operation] = 1
        const next = operation.kind === 'set' ? operation.value : value
        const state = `${done.join('')}|${next ?? ''}|${next === null ? 0 : 1}`
        if (!tried.has(state)) {
          tried.add(state)
          trail.push({ entry, value })
          value = next
          if (operation.answeredAt !== null) left--
          lift(entry)
          entry = head.after
          continue
        }
        done[entry.operation] = 0
      }
      entry = entry.after
      continue
    }
    // An answer, and nothing that was called before it fits; or nothing at all is left.
    const last = trail.pop()
    if (last === undefined) return false
    done[last.entry.operation] = 0
    if (operations[last.entry.operation]!.answeredAt !== null) left++
    value = last.value
    unlift(last.entry)
    entry = last.entry.after
  }
  return true
}

/** Calls and answers in the order of their time, calls first: what ended when another began need not be before it. */
function link(head: Entry, operations: readonly RegisterOperation[]): void {
  const events: { at: number; isCall: boolean; entry: Entry }[] = []
  for (const [index, { calledAt, answeredAt }] of operations.entries()) {
    const answer: Entry = { operation: -1, answer: null, before: null, after: null }
    events.push({ at: calledAt, isCall: true, entry: { operation: index, answer, before: null, after: null } })
    events.push({ at: answeredAt ?? Number.POSITIVE_INFINITY, isCall: false, entry: answer })
  }
  events.sort((left, right) => left.at - right.at || Number(right.isCall) - Number(left.isCall))
  let last = head
  for (const { entry } of events) {
    last.after = entry
    entry.before = last
    last = entry
  }
}

function lift(entry: Entry): void {
  for (const gone of [entry, entry.answer!]) {
    gone.before!.after = gone.after
    if (gone.after !== null) gone.after.before = gone.before
  }
}

function unlift(entry: Entry): void {
  for (const back of [entry.answer!, entry]) {
    back.before!.after = back
    if (back.after !== null) back.after.before = back
  }
}
