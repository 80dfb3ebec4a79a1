/**
 * Handshake: the client's side of connecting: greeting, TLS, authentication. Packets go in, what to send comes out; the
 * driver owns socket and sequence numbers.
 * A password leaves in clear only inside TLS, and encrypted with a key that the server sends only if that was
 * allowed: who sits in between could send his own. A pinned key is always good.
 * Source: MySQL and MariaDB documentation, connection phase.
 */
import { Cursor } from '../bytes/cursor.js'
import { Writer } from '../bytes/writer.js'
import { DecodeError, HandshakeError } from '../errors.js'
import type { Flavour } from '../events/event-types.js'
import { signEd25519 } from './ed25519.js'
import { ERR, OK, readError } from './replies.js'
import { encryptPassword, nativeScramble, NONCE_BYTES, sha2Scramble } from './scrambles.js'

export interface Credentials {
  user: string
  password: string
  /** 'required': refuse a server without TLS. 'preferred': use it where the server has it. @default 'preferred' */
  tls?: 'required' | 'preferred' | 'off'
  /** RSA public key of the server, PEM: caching_sha2_password without TLS. */
  serverPublicKey?: string
  /** Take the key that the server sends, unverified. @default false */
  requestPublicKey?: boolean
}

export interface ServerGreeting {
  /** As the server says it, without MariaDB's `5.5.5-`. */
  readonly version: string
  readonly flavour: Flavour
  readonly connectionId: number
  readonly hasTls: boolean
}

export type HandshakeStep =
  | { readonly type: 'send'; readonly payload: Buffer }
  /** Make the socket a TLS socket, then call `secured`. */
  | { readonly type: 'startTls' }
  | { readonly type: 'done'; readonly server: ServerGreeting }

const Capability = {
  LONG_PASSWORD: 0x1, FOUND_ROWS: 0x2, LONG_FLAG: 0x4, PROTOCOL_41: 0x200, SSL: 0x800, TRANSACTIONS: 0x2000,
  SECURE_CONNECTION: 0x8000, PLUGIN_AUTH: 0x80000, PLUGIN_AUTH_LENENC: 0x200000,
} as const
const OURS = Capability.LONG_PASSWORD | Capability.FOUND_ROWS | Capability.LONG_FLAG | Capability.PROTOCOL_41 |
  Capability.TRANSACTIONS | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH | Capability.PLUGIN_AUTH_LENENC

const PACKET_MAX = 2 ** 30
/** utf8mb4_general_ci, which every server since 5.5 has. */
const COLLATION = 45
const AUTH_SWITCH = 0xfe
const AUTH_MORE = 0x01
const Sha2 = { REQUEST_KEY: 0x02, FAST_OK: 0x03, FULL: 0x04 } as const

interface Parsed extends ServerGreeting {
  readonly capabilities: number
  readonly nonce: Buffer
  readonly plugin: string
}
type State = 'greeting' | 'tls' | 'auth' | 'key' | 'done'

export class Handshake {
  readonly #credentials: Credentials
  #state: State = 'greeting'
  #server: Parsed | null = null
  #secure = false
  #plugin = ''
  #nonce: Buffer = Buffer.alloc(0)

  constructor(credentials: Credentials) { this.#credentials = credentials }

  /** @throws {ServerError} {HandshakeError} {DecodeError} */
  receive(payload: Buffer): HandshakeStep[] {
    if (payload.length === 0) throw new DecodeError('an empty packet in the handshake')
    if (payload[0] === ERR) throw readError(payload)
    switch (this.#state) {
      case 'greeting': return this.#greet(payload)
      case 'auth': return this.#authenticate(payload)
      case 'key': return this.#encrypted(payload)
      case 'tls': case 'done': throw new HandshakeError(`a packet while the handshake is in state ${this.#state}`)
    }
  }

  /** The socket is a TLS socket now. */
  secured(): HandshakeStep[] {
    this.#secure = true
    return [this.#respond()]
  }

  #greet(payload: Buffer): HandshakeStep[] {
    const server = readGreeting(payload)
    this.#server = server
    this.#plugin = server.plugin
    this.#nonce = server.nonce
    const { tls = 'preferred' } = this.#credentials
    if (tls === 'required' && !server.hasTls) throw new HandshakeError('TLS is required and the server does not offer it')
    if (tls === 'off' || !server.hasTls) return [this.#respond()]
    this.#state = 'tls'
    return [{ type: 'send', payload: this.#head(OURS | Capability.SSL).finish() }, { type: 'startTls' }]
  }

  #head(capabilities: number): Writer {
    return new Writer().u32(capabilities).u32(PACKET_MAX).u8(COLLATION).zeros(23)
  }

  #respond(): HandshakeStep {
    this.#state = 'auth'
    // A plugin that we do not know, or that would send the password, is answered by one that does no harm: the server
    // then switches.
    if (!['mysql_native_password', 'caching_sha2_password'].includes(this.#plugin)) this.#plugin = 'mysql_native_password'
    const reply = this.#reply()
    const payload = this.#head(OURS | (this.#secure ? Capability.SSL : 0)).nulText(this.#credentials.user)
      .lenenc(reply.length).bytes(reply).nulText(this.#plugin).finish()
    return { type: 'send', payload }
  }

  /** The first answer of the plugin. */
  #reply(): Buffer {
    const { password } = this.#credentials
    switch (this.#plugin) {
      case 'mysql_native_password': return nativeScramble(password, this.#nonce.subarray(0, NONCE_BYTES))
      case 'caching_sha2_password': return sha2Scramble(password, this.#nonce.subarray(0, NONCE_BYTES))
      case 'client_ed25519': return password === '' ? Buffer.alloc(0) : signEd25519(password, this.#nonce.subarray(0, 32))
      case 'mysql_clear_password': return this.#clear()
      default: throw new HandshakeError(`authentication plugin ${this.#plugin} is not supported`)
    }
  }

  #clear(): Buffer {
    if (!this.#secure) throw new HandshakeError('the server asks for the password in clear, which needs TLS')
    return Buffer.from(`${this.#credentials.password}\0`)
  }

  #authenticate(payload: Buffer): HandshakeStep[] {
    const kind = payload[0]!
    switch (kind) {
      case OK: {
        const server = this.#server!
        this.#state = 'done'
        const { version, flavour, connectionId, hasTls } = server
        return [{ type: 'done', server: { version, flavour, connectionId, hasTls } }]
      }
      case AUTH_SWITCH: {
        const cursor = new Cursor(payload, 1)
        this.#plugin = cursor.nulText()
        this.#nonce = cursor.copy(cursor.left)
        return [{ type: 'send', payload: this.#reply() }]
      }
      case AUTH_MORE: return this.#more(payload)
      default: throw new HandshakeError(`packet 0x${kind.toString(16)} in the authentication`)
    }
  }

  #more(payload: Buffer): HandshakeStep[] {
    if (this.#plugin !== 'caching_sha2_password') throw new HandshakeError(`${this.#plugin} has no dialogue`)
    if (payload[1] === Sha2.FAST_OK) return []
    if (payload[1] !== Sha2.FULL) throw new HandshakeError('an unknown step of caching_sha2_password')
    if (this.#secure) return [{ type: 'send', payload: this.#clear() }]
    const { serverPublicKey, requestPublicKey = false, password } = this.#credentials
    if (serverPublicKey !== undefined) return [{ type: 'send', payload: this.#encrypt(password, serverPublicKey) }]
    if (!requestPublicKey) {
      throw new HandshakeError('caching_sha2_password without TLS needs the server\'s public key: set tls, serverPublicKey or requestPublicKey')
    }
    this.#state = 'key'
    return [{ type: 'send', payload: Buffer.from([Sha2.REQUEST_KEY]) }]
  }

  #encrypted(payload: Buffer): HandshakeStep[] {
    if (payload[0] !== AUTH_MORE) throw new HandshakeError('a public key was expected')
    this.#state = 'auth'
    return [{ type: 'send', payload: this.#encrypt(this.#credentials.password, payload.toString('latin1', 1)) }]
  }

  #encrypt(password: string, key: string): Buffer {
    return encryptPassword(password, this.#nonce.subarray(0, NONCE_BYTES), key)
  }
}

/** Protocol 10. @throws {DecodeError} {HandshakeError} */
export function readGreeting(payload: Buffer): Parsed {
  const cursor = new Cursor(payload)
  const protocol = cursor.u8()
  if (protocol !== 10) throw new HandshakeError(`protocol ${protocol}, 10 is known`)
  const version = cursor.nulText()
  const connectionId = cursor.u32()
  const first = cursor.copy(8)
  cursor.take(1)
  const low = cursor.u16()
  cursor.take(3) // collation, status
  const capabilities = (low | cursor.u16() << 16) >>> 0
  const authBytes = cursor.u8()
  cursor.take(10)
  const needed = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH
  if ((capabilities & needed) !== needed) throw new HandshakeError(`server ${version} is too old: it lacks pluggable authentication`)
  const second = cursor.copy(Math.max(13, authBytes - 8))
  const plugin = cursor.nulText()
  return {
    version: version.replace(/^5\.5\.5-/, ''), connectionId, capabilities, plugin,
    flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    nonce: Buffer.concat([first, second.subarray(0, 12)]),
    hasTls: (capabilities & Capability.SSL) !== 0,
  }
}
