/** What a follower says while it works: states at once, figures once a second (on a terminal), or every ten. */
import type { FollowOptions, FollowProgress } from '@slotwise/binlog'

type Reports = Required<Pick<FollowOptions, 'onProgress' | 'onSnapshot' | 'onStatus' | 'onTargetLost' | 'onWarning'>>

export function followProgress(err: (text: string) => void, isTerminal: boolean): { reports: Reports; end(): void } {
  const everyMs = isTerminal ? 1000 : 10_000
  let saidMs = performance.now()
  let last: FollowProgress | null = null
  let said = 0
  const figures = (force: boolean): void => {
    const nowMs = performance.now()
    if (last === null || (!force && nowMs - saidMs < everyMs)) return
    const rate = Math.round((last.rows - said) * 1000 / Math.max(1, nowMs - saidMs))
    err(`${last.transactions} transactions, ${last.rows} rows (${rate} a second), at ${last.file} ${last.position}${last.gtids === '' ? '' : ` ${last.gtids}`}\n`)
    saidMs = nowMs
    said = last.rows
    last = null
  }
  return {
    reports: {
      onProgress(progress) {
        last = progress
        figures(false)
      },
      onSnapshot({ table, rows, done }) {
        const nowMs = performance.now()
        if (!done && nowMs - saidMs < everyMs) return
        saidMs = nowMs
        err(`snapshot: ${table}: ${rows} rows${done ? ', all' : ''}\n`)
      },
      onStatus(status) {
        if (status.type === 'connected') {
          const { facts: { version }, position: { file, position, gtids } } = status
          err(`connected to source ${status.source + 1} (${version}), from ${gtids === '' ? `${file} ${position}` : gtids}\n`)
        } else err(`lost source ${status.source + 1}: ${status.error.message}${status.retryMs === null ? '' : `; next try in ${Math.round(status.retryMs)} ms`}\n`)
      },
      onTargetLost: (error, retryMs) => err(`lost the store: ${error.message}; next try in ${retryMs} ms\n`),
      onWarning: (message) => err(`warning: ${message}\n`),
    },
    end: () => figures(true),
  }
}
