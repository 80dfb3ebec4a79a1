/** Is an address that this node remembers as its own still one? A machine may come back with another one. */
import { networkInterfaces } from 'node:os'

/**
 * @param words  of `bind`
 * @param own  all addresses of this machine
 */
export function isListenedOn(words: readonly string[], ip: string, own: () => readonly string[] = addresses): boolean {
  const names = words.map((word) => word.replace(/^-/, ''))
  if (names.includes(ip)) return true
  const isAny = ip.includes(':') ? names.some((name) => ['::', '::*'].includes(name)) : names.some((name) => ['*', '0.0.0.0'].includes(name))
  return isAny && (ip.startsWith('127.') || own().includes(ip))
}

const addresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((each) => each ?? []).map(({ address }) => address)
