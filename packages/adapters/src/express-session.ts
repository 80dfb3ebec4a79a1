/**
 * A store for express-session over Slotwise, embedded, far away or a member (docs/near-and-far.md). The class it
 * extends is that of the express-session that you use, which is why it is handed in:
 * `session({ store: sessionStore(session, { store }) })`.
 */
import type { AsyncStore, Store } from 'slotwise'
import type { AnyStore } from './any-store.js'

export interface SessionStoreOptions {
  readonly store: Store | AsyncStore
  /** Before every id. @default 'session:' */
  readonly prefix?: string
  /** How long a session without a date of its own cookie is kept. @default one day */
  readonly ttlMs?: number
}

/** What of a session matters here. */
interface SessionLike { cookie?: { expires?: Date | string | null; originalMaxAge?: number | null } }
type Callback<T = void> = (error: unknown, result?: T) => void

const DAY_MS = 86_400_000

// A base class of a mixin takes any arguments: TypeScript's rule.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type StoreClass = new (...args: any[]) => object

/** @returns an instance for the option `store` of express-session */
export function sessionStore<Base extends StoreClass>(
  session: { Store: Base }, options: SessionStoreOptions,
): InstanceType<Base> {
  const { prefix = 'session:', ttlMs = DAY_MS } = options
  const store: AnyStore = options.store
  const base: StoreClass = session.Store

  /** What is left of its cookie's time; null if that is over. */
  const timeLeft = ({ cookie }: SessionLike): number | null => {
    if (cookie?.expires === undefined || cookie.expires === null) return ttlMs
    const left = new Date(cookie.expires).getTime() - Date.now()
    return left > 0 ? Math.ceil(left) : null
  }
  const keys = async (): Promise<string[]> => {
    const found: string[] = []
    for await (const key of store.scan({ match: `${prefix.replaceAll(/[\\*?[\]^]/g, '\\$&')}*` })) found.push(key)
    return found
  }
  /** Errors go where the caller waits for them, and results never in the middle of its own call. */
  const answer = <T>(done: Callback<T> | undefined, work: () => T | Promise<T>): void => {
    Promise.resolve().then(work).then((result) => done?.(null, result), (error: unknown) => done?.(error))
  }

  class SlotwiseSessionStore extends base {
    get(id: string, done?: Callback<SessionLike | null>): void {
      answer(done, async () => {
        const text = await store.get(prefix + id)
        return typeof text === 'string' ? JSON.parse(text) as SessionLike : null
      })
    }

    /** As JSON, since a session's cookie knows how to become that. */
    set(id: string, value: SessionLike, done?: Callback): void {
      answer(done, async () => {
        const left = timeLeft(value)
        if (left === null) await store.del(prefix + id)
        else await store.set(prefix + id, JSON.stringify(value), { ttlMs: left })
      })
    }

    touch(id: string, value: SessionLike, done?: Callback): void {
      answer(done, async () => {
        const left = timeLeft(value)
        if (left === null) await store.del(prefix + id)
        else await store.expire(prefix + id, { ttlMs: left })
      })
    }

    destroy(id: string, done?: Callback): void {
      answer(done, async () => { await store.del(prefix + id) })
    }

    all(done: Callback<SessionLike[]>): void {
      answer(done, async () => (await store.getMany(await keys())).flatMap((text) =>
        typeof text === 'string' ? [JSON.parse(text) as SessionLike] : []))
    }

    length(done: Callback<number>): void {
      answer(done, async () => (await keys()).length)
    }

    clear(done?: Callback): void {
      answer(done, async () => {
        const found = await keys()
        if (found.length > 0) await store.del(found)
      })
    }
  }
  return new SlotwiseSessionStore() as InstanceType<Base>
}
