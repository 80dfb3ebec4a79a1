/**
 * Subscriptions: messages of channels and patterns as async iterators. The session subscribes once to each name however
 * many iterators want it; each iterator has a queue of its own, of bounded length: who does not keep up is told so by
 * an error instead of eating the memory of the process.
 */
import { type Engine, StoreClosedError, StoreError } from '@slotwise/engine'

export interface SubscribeOptions {
  /** Names are glob patterns. @default false */
  patterns?: boolean
  /** How many messages may wait for the loop; one more ends it with SlowSubscriberError. @default 10_000 */
  waitingMax?: number
  /** Aborting ends the loop with `signal.reason`. */
  signal?: AbortSignal
}

export interface Message {
  /** The channel it was published to. */
  channel: string
  /** The bytes as text; `bytes` has them as they are. */
  text: string
  bytes: Uint8Array
}

/** More messages came than the loop took. */
export class SlowSubscriberError extends StoreError {
  override readonly name = 'SlowSubscriberError'
  readonly code = 'SLOW'
}

class Subscription {
  readonly waiting: Message[] = []
  wake: (() => void) | null = null
  /** Why it has ended; undefined while it has not. */
  error: unknown

  constructor(readonly names: readonly string[], readonly waitingMax: number) {}

  push(message: Message): void {
    if (this.error !== undefined) return
    this.waiting.push(message)
    if (this.waiting.length > this.waitingMax) this.end(new SlowSubscriberError(`${this.waiting.length} messages wait`))
    this.wake?.()
  }

  end(error: unknown): void {
    this.error ??= error
    this.wake?.()
  }
}

export class Subscriptions {
  readonly #engine: () => Engine
  readonly #byName = new Map<string, Set<Subscription>>()
  /** While somebody may wait for a message the process stays alive, as with a socket. */
  #keepAlive: NodeJS.Timeout | undefined

  constructor(engine: () => Engine) { this.#engine = engine }

  /** A push of the engine: 'message', channel, bytes; or 'pmessage', pattern, channel, bytes. */
  deliver(parts: readonly Uint8Array[]): void {
    const [kind, ...rest] = parts
    const isPattern = String.fromCharCode(...kind!) === 'pmessage'
    if (!isPattern && rest.length !== 2) return
    const [name, channel, bytes] = isPattern ? rest : [rest[0], rest[0], rest[1]]
    const text = (from: Uint8Array): string => Buffer.from(from.buffer, from.byteOffset, from.length).toString()
    const message = { channel: text(channel!), text: text(bytes!), bytes: bytes! }
    for (const subscription of this.#byName.get(nameOf(text(name!), isPattern)) ?? []) subscription.push(message)
  }

  endAll(error: unknown): void {
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
    for (const subscriptions of this.#byName.values()) for (const subscription of subscriptions) subscription.end(error)
  }

  /** Subscribes at once; what is published from now on is delivered. */
  subscribe(names: readonly string[], options: SubscribeOptions): AsyncGenerator<Message, void, undefined> {
    const { patterns = false, waitingMax = 10_000, signal } = options
    if (names.length === 0) throw new TypeError('expected a channel')
    signal?.throwIfAborted()
    const subscription = new Subscription(names, waitingMax)
    for (const name of names) {
      const known = this.#byName.get(nameOf(name, patterns))
      if (known !== undefined) {
        known.add(subscription)
        continue
      }
      this.#engine().command([patterns ? 'PSUBSCRIBE' : 'SUBSCRIBE', name])
      this.#byName.set(nameOf(name, patterns), new Set([subscription]))
    }
    this.#keepAlive ??= setInterval(() => undefined, 2 ** 30)
    const aborted = (): void => subscription.end(signal?.reason)
    signal?.addEventListener('abort', aborted, { once: true })
    const leave = (): void => {
      signal?.removeEventListener('abort', aborted)
      this.#leave(subscription, patterns)
    }
    return new MessageIterator(subscription, leave)
  }

  #leave(subscription: Subscription, patterns: boolean): void {
    for (const name of subscription.names) {
      const known = this.#byName.get(nameOf(name, patterns))
      if (known?.delete(subscription) !== true || known.size > 0) continue
      this.#byName.delete(nameOf(name, patterns))
      try {
        this.#engine().command([patterns ? 'PUNSUBSCRIBE' : 'UNSUBSCRIBE', name])
      } catch (error) {
        if (!(error instanceof StoreClosedError)) throw error
      }
    }
    if (this.#byName.size > 0) return
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
  }
}

/** Not a generator function: leaving the loop before the first message must unsubscribe as well. */
class MessageIterator implements AsyncGenerator<Message, void, undefined> {
  #done = false

  constructor(private readonly subscription: Subscription, private readonly leave: () => void) {}

  async next(): Promise<IteratorResult<Message, void>> {
    const { subscription } = this
    while (!this.#done) {
      const message = subscription.error === undefined ? subscription.waiting.shift() : undefined
      if (message !== undefined) return { done: false, value: message }
      if (subscription.error !== undefined) {
        this.#end()
        throw subscription.error as Error
      }
      await new Promise<void>((resolve) => { subscription.wake = resolve })
    }
    return { done: true, value: undefined }
  }

  return(): Promise<IteratorResult<Message, void>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  throw(error: unknown): Promise<IteratorResult<Message, void>> {
    this.#end()
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever the loop's body threw
    return Promise.reject(error)
  }

  [Symbol.asyncIterator](): this { return this }

  async [Symbol.asyncDispose](): Promise<void> { await this.return() }

  #end(): void {
    if (this.#done) return
    this.#done = true
    this.leave()
    this.subscription.wake?.()
  }
}

const nameOf = (name: string, isPattern: boolean): string => `${isPattern ? 'p' : 'c'}:${name}`
