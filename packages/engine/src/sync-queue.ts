/**
 * SyncQueue: however many callers wait for durability, one sync is under way and at most one more is due. A call may
 * not join the one under way, which may have begun before the caller's last change; the next serves all who came since.
 */
export class SyncQueue {
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(private readonly sync: () => Promise<void>) {}

  /** Resolves when everything that was changed before the call is on disk. */
  wait(): Promise<void> {
    if (this.#running === null) return this.#start()
    return this.#next ??= this.#running.then(() => this.#startNext(), () => this.#startNext())
  }

  /** Resolves, never rejects, when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => undefined)
  }

  #startNext(): Promise<void> {
    this.#next = null
    return this.#start()
  }

  #start(): Promise<void> {
    const running = this.sync().finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }
}
