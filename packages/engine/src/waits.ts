/**
 * Waits: calls that wait for a key (BLPOP and its relatives), from the JavaScript side. The engine answers each once,
 * from whatever thread made its key ready; time-outs and aborts are ours. An element that was taken for a call is not
 * lost: an abort that comes too late is none, and the call resolves.
 * While one waits the process stays alive, as with a socket.
 */
import { whenAborted } from './aborts.js'
import type { AddonSession } from './addon.js'
import type { StoreClosedError } from './errors.js'
import type { Page } from './page.js'

export interface WaitOptions {
  /** In ms; 0: no limit. @default 0 */
  timeoutMs?: number
  /** Aborting rejects with `signal.reason`, unless there is a reply already. */
  signal?: AbortSignal
}

interface Wait {
  /** Takes the RESP3 reply. */
  answer(reply: Page): void
  reject(reason: Error): void
}

/** The longest delay of a timer. */
const DELAY_MAX_MS = 2 ** 31 - 1

export class Waits {
  readonly #waits = new Map<number, Wait>()
  readonly #session: () => AddonSession | null
  #keepAlive: NodeJS.Timeout | undefined

  constructor(session: () => AddonSession | null) { this.#session = session }

  /** The reply to the call `token`, as `read` makes it. */
  add<T>(token: number, options: WaitOptions, read: (reply: Page) => T): Promise<T> {
    const { timeoutMs = 0, signal } = options
    this.#keepAlive ??= setInterval(() => undefined, DELAY_MAX_MS)
    return new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      let forget: (() => void) | undefined
      const end = (): void => {
        clearTimeout(timer)
        forget?.()
      }
      const abort = (): void => {
        if (this.#session()?.cancelWait(token, true) === true) this.#waits.get(token)?.reject(signal?.reason as Error)
      }
      const arm = (leftMs: number): void => {
        timer = setTimeout(() => {
          if (leftMs > DELAY_MAX_MS) arm(leftMs - DELAY_MAX_MS)
          else this.#session()?.cancelWait(token, false)
        }, Math.min(leftMs, DELAY_MAX_MS))
      }
      this.#waits.set(token, {
        answer: (reply) => {
          end()
          try {
            resolve(read(reply))
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        },
        reject: (reason) => {
          end()
          this.#take(token)
          reject(reason)
        },
      })
      if (timeoutMs > 0) arm(timeoutMs)
      if (signal !== undefined) forget = whenAborted(signal, abort)
    })
  }

  /** The engine has answered. A call that was aborted is no more: its answer says nothing else. */
  answer(token: number, reply: Page): void {
    this.#session()?.forgetWait(token)
    this.#take(token)?.answer(reply)
  }

  /** Rejects what can still be cancelled; what has been answered comes yet, and is waited for. */
  async end(session: AddonSession, reason: StoreClosedError): Promise<void> {
    for (const [token, wait] of this.#waits) {
      if (session.cancelWait(token, true)) wait.reject(reason)
    }
    while (this.#waits.size > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #take(token: number): Wait | undefined {
    const wait = this.#waits.get(token)
    this.#waits.delete(token)
    if (this.#waits.size === 0) {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
    }
    return wait
  }
}
