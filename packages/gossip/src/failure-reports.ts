/**
 * Who calls a node failing, and since when. A number for each report: when nodes cut off from a thousand others come
 * back, each of them calls all others failing, and every node hears it.
 * The verdict (failure-detector.ts) asks after each report whether a majority has reported; it is counted only when
 * the reports that came since the last count could make one.
 */
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'

/** A report is the number of its reporter in the view times this, plus when it was made: two years to either side. */
const SPAN = 2 ** 37
/** So many numbers fit below 2^53; a reporter beyond them is not heard. */
export const REPORTERS_MAX = 2 ** 16

export class FailureReports {
  /** Ascending, so a reporter is found by halving. */
  readonly #reports: number[] = []
  #baseAt = 0
  /** None is older. */
  #oldestAt = 0
  /** No more voters than that have reported at `#countedFrom` or later. */
  #votersMax = 0
  #countedFrom = Number.POSITIVE_INFINITY
  #votersVersion = -1

  get size(): number { return this.#reports.length }

  /** When the latest one was made; 0: there is none. */
  get latestAt(): number {
    let latest = 0
    for (const report of this.#reports) latest = Math.max(latest, this.#madeAt(report))
    return latest
  }

  add(reporter: number, now: number): void {
    const reports = this.#reports
    if (reports.length === 0) {
      this.#baseAt = now - SPAN / 2
      this.#oldestAt = now
    }
    const at = this.#indexOf(reporter)
    const made = reporter * SPAN + Math.min(Math.max(now - this.#baseAt, 0), SPAN - 1)
    const former = reports[at]
    if (former !== undefined && former < (reporter + 1) * SPAN) {
      if (this.#madeAt(former) < this.#countedFrom) this.#votersMax++
      reports[at] = made
      return
    }
    this.#votersMax++
    reports.push(made)
    for (let index = reports.length - 1; index > at; index--) reports[index] = reports[index - 1]!
    reports[at] = made
  }

  /** @returns whether there was one */
  delete(reporter: number): boolean {
    const reports = this.#reports
    const at = this.#indexOf(reporter)
    const found = reports[at]
    if (found === undefined || found >= (reporter + 1) * SPAN) return false
    for (let index = at + 1; index < reports.length; index++) reports[index - 1] = reports[index]!
    reports.length--
    return true
  }

  /** Those made before `oldest` are over. */
  expire(oldest: number): void {
    if (oldest <= this.#oldestAt) return
    const reports = this.#reports
    let kept = 0
    let least = Number.POSITIVE_INFINITY
    for (const report of reports) {
      const madeAt = this.#madeAt(report)
      if (madeAt < oldest) continue
      reports[kept++] = report
      if (madeAt < least) least = madeAt
    }
    reports.length = kept
    this.#oldestAt = least
  }

  /** How many voters have reported at `from` or later: exact from `needed` on, below that at most so many. */
  voters(view: ClusterView, from: number, needed: number): number {
    const { votersVersion } = view.rows
    const isKnown = this.#votersVersion === votersVersion && from >= this.#countedFrom && this.#votersMax < needed
    if (isKnown) return this.#votersMax
    let count = 0
    for (const report of this.#reports) {
      if (this.#madeAt(report) >= from && view.numbered[Math.floor(report / SPAN)]?.isVoter === true) count++
    }
    this.#votersMax = count
    this.#countedFrom = from
    this.#votersVersion = votersVersion
    return count
  }

  #madeAt(report: number): number { return report - Math.floor(report / SPAN) * SPAN + this.#baseAt }

  /** Of the first report whose reporter has this number or a larger one. */
  #indexOf(reporter: number): number {
    const least = reporter * SPAN
    let low = 0
    let high = this.#reports.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#reports[middle]! < least) low = middle + 1
      else high = middle
    }
    return low
  }
}

export function addReport(node: ClusterNode, reporter: ClusterNode, now: number): void {
  if (reporter.number >= REPORTERS_MAX) return
  node.reports ??= new FailureReports()
  node.reports.add(reporter.number, now)
  node.reportedAt = now
  node.rows.reported.set(reporter.row, node.row)
}

export function dropReport(node: ClusterNode, reporter: ClusterNode): void {
  node.rows.reported.clear(reporter.row, node.row)
  if (node.reports?.delete(reporter.number) !== true) return
  node.reportedAt = node.reports.latestAt
  if (node.reportedAt === 0) forgetReports(node)
}

/** @returns how many are left of those made at `oldest` or later. */
export function expireReports(node: ClusterNode, oldest: number): number {
  if (node.reports === null) return 0
  const { reports } = node
  reports.expire(oldest)
  if (reports.size === 0) forgetReports(node)
  return reports.size
}

export function forgetReports(node: ClusterNode): void {
  node.reports = null
  node.reportedAt = 0
}
