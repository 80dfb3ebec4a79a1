/** What of a store the adapters use: of one in the process at once, of all others with promises. */
import type { ScanOptions } from 'slotwise'

export interface AnyStore {
  get(key: string): unknown
  getMany(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>
  set(key: string, value: unknown, options?: { ttlMs?: number }): boolean | Promise<boolean>
  del(keys: string | readonly string[]): number | Promise<number>
  exists(keys: string | readonly string[]): number | Promise<number>
  expire(key: string, options: { ttlMs: number }): boolean | Promise<boolean>
  scan(options: ScanOptions): AsyncIterable<string>
}
