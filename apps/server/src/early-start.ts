/**
 * A node that is told to start before there is a log to write to: it loads while that is imported and opened, and what
 * it says meanwhile waits, as do signals: it may serve clients already.
 */
import type { Worker } from 'node:worker_threads'
import type { ServerConfig } from '@slotwise/config'
import { Node, type NodeLog, nodeOptionsOf } from '@slotwise/node'

export class EarlyStart {
  readonly startMs = performance.now()
  readonly node: Promise<Node>
  readonly #endStandby = new AbortController()
  readonly #waiting: ((log: Required<NodeLog>) => void)[] = []
  readonly #signals: NodeJS.Signals[] = []
  #log: Required<NodeLog> | null = null
  #onSignal = (signal: NodeJS.Signals): void => void this.#signals.push(signal)

  /** @param thread  that the node runs on */
  constructor(config: ServerConfig, thread: Worker) {
    process.on('SIGHUP', () => undefined) // the terminal has gone; the server stays
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#onSignal(signal))
    const tell = (words: (log: Required<NodeLog>) => void): void => {
      if (this.#log === null) this.#waiting.push(words)
      else words(this.#log)
    }
    const log: NodeLog = {
      line: (line) => tell((to) => to.line(line)),
      level: (level) => tell((to) => to.level(level)),
    }
    this.node = Node.start(nodeOptionsOf(config), log, this.#endStandby.signal, thread)
    this.node.catch(() => undefined) // told by whoever waits for it
  }

  /** Hears all from the first line on. */
  logTo(log: Required<NodeLog>): void {
    this.#log = log
    for (const words of this.#waiting.splice(0)) words(log)
  }

  /** Gets SIGTERM and SIGINT from the first on. */
  listenToSignals(listener: (signal: NodeJS.Signals) => void): void {
    this.#onSignal = listener
    for (const signal of this.#signals.splice(0)) listener(signal)
  }

  /** A node that waits for its directory gives up. */
  endStandby(): void {
    this.#endStandby.abort()
  }
}
