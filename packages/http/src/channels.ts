/**
 * Channels: who of this gateway listens to which channels and patterns. One session of the engine, attached with the
 * first of them, subscribes once to each name however many listen.
 * Elsewhere: how a message is sent on (channel-stream.ts, websockets.ts), who may listen (command-rules.ts).
 */
import { Engine } from '@slotwise/engine'
import type { EnginePlace } from './gateway-options.js'

/** Of one client: all of them together stay bounded, since their number is. */
export const CHANNELS_MAX = 100

export interface ChannelMessage {
  /** The pattern by which it was heard; null: by its channel's name. */
  readonly pattern: string | null
  readonly channel: string
  readonly text: string
}
export type Listener = (message: ChannelMessage) => void

export class Channels {
  #engine: Promise<Engine> | null = null
  #closed = false
  readonly #listeners = new Map<string, Set<Listener>>()

  /** @param onLost  messages were dropped: this thread did not take them */
  constructor(private readonly place: EnginePlace, private readonly onLost: () => void) {}

  /**
   * Listens from when it resolves.
   * @returns a function that stops it
   * @throws {NotOpenError | StoreClosedError | ReplyError}: there are too many channels; nothing is listened to then
   */
  async listen(names: readonly string[], isPattern: boolean, listener: Listener): Promise<() => void> {
    const engine = await this.#attached()
    const leave = (): void => {
      for (const name of names) this.#leave(engine, name, isPattern, listener)
    }
    try {
      for (const name of names) this.#join(engine, name, isPattern, listener)
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }

  async close(): Promise<void> {
    this.#closed = true
    const engine = await this.#engine?.catch(() => null)
    await engine?.close()
  }

  #attached(): Promise<Engine> {
    if (this.#closed) return Promise.reject(new Error('closed'))
    return this.#engine ??= Engine.open({
      names: this.place.engineNames, attachOnly: true,
      onMessage: (parts) => this.#deliver(parts), onMessagesLost: this.onLost,
    }).catch((error: unknown) => {
      this.#engine = null
      throw error
    })
  }

  #join(engine: Engine, name: string, isPattern: boolean, listener: Listener): void {
    const key = keyOf(name, isPattern)
    const known = this.#listeners.get(key)
    if (known !== undefined) return void known.add(listener)
    engine.command([isPattern ? 'PSUBSCRIBE' : 'SUBSCRIBE', name])
    this.#listeners.set(key, new Set([listener]))
  }

  #leave(engine: Engine, name: string, isPattern: boolean, listener: Listener): void {
    const key = keyOf(name, isPattern)
    const known = this.#listeners.get(key)
    if (known?.delete(listener) !== true || known.size > 0) return
    this.#listeners.delete(key)
    if (!engine.closed) engine.command([isPattern ? 'PUNSUBSCRIBE' : 'UNSUBSCRIBE', name])
  }

  /** A push: 'message', channel, bytes; or 'pmessage', pattern, channel, bytes. */
  #deliver(parts: readonly Uint8Array[]): void {
    const [kind, ...rest] = parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.length).toString())
    const isPattern = kind === 'pmessage'
    if (!isPattern && kind !== 'message') return
    const [name, channel, text] = (isPattern ? rest : [rest[0], ...rest]) as [string, string, string]
    const message: ChannelMessage = { pattern: isPattern ? name : null, channel, text }
    for (const listener of this.#listeners.get(keyOf(name, isPattern)) ?? []) listener(message)
  }
}

const keyOf = (name: string, isPattern: boolean): string => `${isPattern ? 'p' : 'c'}${name}`
