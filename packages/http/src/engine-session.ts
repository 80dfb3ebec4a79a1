/**
 * EngineSession: the gateway's own session of the engine, attached by name from whatever thread this is, in RESP2.
 * Requests share it, so nothing may change its state (command-rules.ts), and after a failure that leaves it in doubt
 * (a reply that was too large to fetch would be taken for that of the next request) it is replaced by a new one.
 */
import { asBytes, type Bytes, Engine, ReplyError } from '@slotwise/engine'
import { type CommandRules, commandRules, type KeysOf } from './command-rules.js'
import type { EnginePlace } from './gateway-options.js'

export class EngineSession {
  #engine: Engine | null
  #renewing: Promise<void> | null = null
  #closed = false
  /** Commands as the engine lists them. */
  readonly rules: CommandRules
  readonly cluster: boolean

  private constructor(private readonly place: EnginePlace, engine: Engine, hello: readonly unknown[]) {
    this.#engine = engine
    this.cluster = hello[hello.indexOf('mode') + 1] === 'cluster'
    this.rules = commandRules(engine.command(['COMMAND']))
  }

  /** @throws {NotOpenError} if this process has no such engine open */
  static async attach(place: EnginePlace): Promise<EngineSession> {
    const engine = await attach(place)
    try {
      return new EngineSession(place, engine, hello(engine))
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  get db(): number { return this.place.db ?? 0 }

  /** Null while it is being replaced, and when it is closed. */
  get engine(): Engine | null { return this.#engine }

  readonly keysOf: KeysOf = (args: readonly Bytes[]) => {
    try {
      return this.#engine!.command(['COMMAND', 'GETKEYS', ...args], asBytes) as Uint8Array[]
    } catch (error) {
      if (error instanceof ReplyError) return null
      throw error
    }
  }

  /** What it was doing may have left something behind. */
  renew(): void {
    const old = this.#engine
    if (old === null) return
    this.#engine = null
    this.#renewing = (async () => {
      try {
        const engine = await attach(this.place) // before the old one leaves, who may be the last
        hello(engine)
        if (this.#closed) await engine.close()
        else this.#engine = engine
      } finally {
        await old.close()
      }
    })()
    this.#renewing.catch(() => undefined) // without a session every request is answered 503
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#renewing?.catch(() => undefined)
    const engine = this.#engine
    this.#engine = null
    await engine?.close()
  }
}

async function attach(place: EnginePlace): Promise<Engine> {
  const engine = await Engine.open({ names: place.engineNames, attachOnly: true })
  if (place.db !== undefined && place.db !== 0) engine.select(place.db)
  return engine
}

function hello(engine: Engine): readonly unknown[] {
  const reply = engine.command(['HELLO', '2'])
  return reply instanceof Map ? [...reply].flat() : reply as unknown[]
}
