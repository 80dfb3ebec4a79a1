/**
 * BusKeys: what the nodes of a cluster know and nobody else does, from the file nodes.conf.key. With it every link of
 * the bus is TLS with a pre-shared key: both sides prove that they have it before the first message, and nothing can be
 * read, changed or said again by others. Two keys let it be changed node by node: this node answers to both, calls with
 * the first, and with the other one where that is not taken, as by a node that has not been restarted yet. A file and
 * no directive: it is in no list of processes and no CONFIG GET.
 * redis-server has no such thing (its tls-cluster needs certificates): a cluster with a key is one of our nodes alone.
 * Why TLS and not a code behind each message: decision 0027.
 */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { CommonConnectionOptions, ConnectionOptions, TLSSocketOptions } from 'node:tls'

const KEY_LENGTH_MIN = 32
const KEYS_MAX = 2
const OTHERS_MASK = 0o077
/** A fresh secret for each link, so that a key which is lost later opens no recorded one. */
const CIPHERS = 'ECDHE-PSK-CHACHA20-POLY1305'

const common: CommonConnectionOptions & { minVersion: 'TLSv1.2'; maxVersion: 'TLSv1.2'; ciphers: string } = {
  // Pre-shared keys of TLS 1.3 are not within Node's reach.
  minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: CIPHERS,
}

interface Key { readonly name: string; readonly psk: Buffer }

export class BusKeys {
  readonly #keys: readonly [Key, ...Key[]]

  private constructor(keys: readonly [Key, ...Key[]]) { this.#keys = keys }

  /**
   * @param path  of the file; without one there is no key
   * @throws {RangeError} if others than its owner may read it, or as `parse`
   */
  static read(path: string): BusKeys | null {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return null
    if ((stat.mode & OTHERS_MASK) !== 0) throw new RangeError(`${path} may be read by others than its owner: chmod 600 ${path}`)
    const keys = BusKeys.parse(readFileSync(path, 'utf8'))
    if (keys === null) throw new RangeError(`${path} is empty: it should have the key of the cluster bus, or not be there`)
    return keys
  }

  /**
   * @param text  a key, or the new and the old one, with spaces or line ends between
   * @throws {RangeError} if a key is short, or there are too many
   */
  static parse(text: string): BusKeys | null {
    const [first, ...others] = text.split(/\s+/).filter((word) => word !== '')
    if (first === undefined) return null
    const words = [first, ...others]
    if (words.length > KEYS_MAX) throw new RangeError(`There are ${words.length} keys of the cluster bus: there may be two, the new one first`)
    if (words.some(({ length }) => length < KEY_LENGTH_MIN))
      throw new RangeError(`The key of the cluster bus is shorter than ${KEY_LENGTH_MIN} characters: 'openssl rand -hex 32' makes a good one`)
    return new BusKeys([keyOf(first), ...others.map(keyOf)])
  }

  get count(): number { return this.#keys.length }

  /**
   * For the side that calls.
   * @param index  of the key, below `count`
   */
  calling(index: number): ConnectionOptions {
    const { name, psk } = this.#keys[index]!
    return { ...common, pskCallback: () => ({ psk, identity: name }), checkServerIdentity: () => undefined }
  }

  /** For the side that is called. */
  get called(): TLSSocketOptions {
    const pskCallback = (_socket: unknown, identity: string): Buffer | null =>
      this.#keys.find(({ name }) => name === identity)?.psk ?? null
    return { ...common, isServer: true, pskCallback } as TLSSocketOptions
  }
}

/** Its name goes over the wire: enough of a hash to tell two keys apart, too little to try keys against. */
function keyOf(word: string): Key {
  const hash = (what: string): Buffer => createHash('sha256').update(`slotwise bus ${what}\0${word}`).digest()
  return { name: hash('name').toString('hex').slice(0, 4), psk: hash('key') }
}
