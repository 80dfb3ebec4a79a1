/** Packets, authentication and commands: what the real servers accepted, byte for byte, and what is refused. */
import { generateKeyPairSync, privateDecrypt, constants } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Writer } from '../bytes/writer.js'
import { BinlogError, DecodeError, HandshakeError, ServerError, TooLargeError } from '../errors.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import { dump, dumpGtid, registerReplica, semiSyncAck, setupStatements } from './commands.js'
import { signEd25519 } from './ed25519.js'
import { type Credentials, Handshake } from './handshake.js'
import { encodePacket, PacketDecoder } from './packet-decoder.js'
import { ResultReader } from './replies.js'
import { nativeScramble, sha2Scramble, xorWithNonce } from './scrambles.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const nonce = Buffer.from(Array.from({ length: 20 }, (_, i) => i + 1))

describe('scrambles', () => {
  it('are those that logged in to the real servers', () => {
    expect(hex(nativeScramble('replpw', nonce))).toBe('77e6ea972fd0ea5c0ddcd4debe35578e0bf023cb')
    expect(hex(sha2Scramble('replpw', nonce))).toBe('425a232fea6122fb48e71ea01b6d6af9f10953a71cd527a80260aab99e0442ed')
    expect(hex(xorWithNonce('replpw', nonce))).toBe('73677368757107')
    expect(hex(signEd25519('s3cret', Buffer.from(Array.from({ length: 32 }, (_, i) => i))))).toBe(
      '23159a9d42e52bfec5c47a6165262a7b75cf8695034fc5e6462b38562612d4cc2388adf4973be42a13b3e784d5a16bf52aad77292b4b9d9f9b36a1ee8fe4f60c')
  })

  it('of an empty password are empty', () => {
    expect(nativeScramble('', nonce)).toHaveLength(0)
    expect(sha2Scramble('', nonce)).toHaveLength(0)
  })
})

describe('the packet decoder', () => {
  it('finds the same packets however the bytes are cut', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 })
    fc.assert(fc.property(payloads, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map((payload, i) => encodePacket(Buffer.from(payload), i)))
      const decoder = new PacketDecoder(1000)
      const found: string[] = []
      for (let at = 0, cut = 0; at < stream.length; cut++) {
        const size = cuts[cut % cuts.length]!
        decoder.push(stream.subarray(at, at + size))
        at += size
        while (decoder.next()) found.push(`${decoder.sequence}:${hex(decoder.buf.subarray(decoder.start, decoder.end))}`)
      }
      expect(found).toEqual(sent.map((payload, i) => `${i}:${hex(payload)}`))
    }))
  })

  it.each([0xffffff - 1, 0xffffff, 0xffffff + 1])('joins the pieces of %i bytes', (length) => {
    const payload = Buffer.alloc(length, 7)
    const stream = encodePacket(payload, 250)
    const decoder = new PacketDecoder(2 ** 25)
    for (let at = 0; at < stream.length; at += 2 ** 16) {
      decoder.push(stream.subarray(at, at + 2 ** 16))
      if (at + 2 ** 16 < stream.length) expect(decoder.next()).toBe(false)
    }
    expect(decoder.next()).toBe(true)
    expect(decoder.end - decoder.start).toBe(length)
    expect(decoder.next()).toBe(false)
  })

  it('refuses what is announced beyond the limit before it has come', () => {
    const decoder = new PacketDecoder(1000)
    decoder.push(Buffer.from('e9030000', 'hex'))
    expect(() => decoder.next()).toThrow(TooLargeError)
  })
})

function greeting({ version = '9.7.4', plugin = 'caching_sha2_password', tls = false } = {}): Buffer {
  const capabilities = 0x200 | 0x8000 | 0x80000 | (tls ? 0x800 : 0)
  return new Writer().u8(10).nulText(version).u32(77).bytes(nonce.subarray(0, 8)).u8(0)
    .u16(capabilities & 0xffff).u8(45).u16(2).u16(capabilities >>> 16).u8(21)
    .zeros(10).bytes(nonce.subarray(8)).u8(0).nulText(plugin).finish()
}

const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0])
const user = (more: Partial<Credentials> = {}): Credentials => ({ user: 'repl', password: 'replpw', ...more })

describe('the handshake', () => {
  it('answers with the scramble of the plugin that the server names', () => {
    const handshake = new Handshake(user())
    const [step] = handshake.receive(greeting())
    expect(step).toMatchObject({ type: 'send' })
    const { payload } = step as { payload: Buffer }
    expect(payload.readUInt32LE(0)).toBe(0x28a207)
    expect(hex(payload.subarray(32))).toBe(`${hex(Buffer.from('repl\0'))}20${hex(sha2Scramble('replpw', nonce))}${hex(Buffer.from('caching_sha2_password\0'))}`)
    expect(handshake.receive(Buffer.from([1, 3]))).toEqual([])
    expect(handshake.receive(ok)).toEqual([{ type: 'done', server: { version: '9.7.4', flavour: 'mysql', connectionId: 77, hasTls: false } }])
  })

  it('takes MariaDB\'s prefix off its version and follows it to another plugin', () => {
    const handshake = new Handshake(user({ password: 's3cret' }))
    handshake.receive(greeting({ version: '5.5.5-10.11.19-MariaDB-log', plugin: 'mysql_native_password' }))
    const message = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
    const [step] = handshake.receive(new Writer().u8(0xfe).nulText('client_ed25519').bytes(message).finish())
    expect(step).toEqual({ type: 'send', payload: signEd25519('s3cret', message) })
    expect(handshake.receive(ok)).toMatchObject([{ server: { version: '10.11.19-MariaDB-log', flavour: 'mariadb' } }])
  })

  it('sends the head alone, then TLS, then the answer, and the password in clear only behind it', () => {
    const handshake = new Handshake(user({ tls: 'required' }))
    const steps = handshake.receive(greeting({ tls: true }))
    expect(steps.map(({ type }) => type)).toEqual(['send', 'startTls'])
    expect((steps[0] as { payload: Buffer }).payload).toHaveLength(32)
    const [answer] = handshake.secured()
    expect((answer as { payload: Buffer }).payload.readUInt32LE(0) & 0x800).toBe(0x800)
    expect(handshake.receive(Buffer.from([1, 4]))).toEqual([{ type: 'send', payload: Buffer.from('replpw\0') }])
    expect(handshake.receive(ok)).toMatchObject([{ type: 'done' }])
  })

  it('without TLS encrypts the password with a pinned key, or with the server\'s if that is allowed', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const opened = (payload: Buffer): string =>
      hex(privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, payload))

    const pinned = new Handshake(user({ serverPublicKey: pem }))
    pinned.receive(greeting())
    expect(opened((pinned.receive(Buffer.from([1, 4]))[0] as { payload: Buffer }).payload)).toBe('73677368757107')

    const asking = new Handshake(user({ requestPublicKey: true }))
    asking.receive(greeting())
    expect(asking.receive(Buffer.from([1, 4]))).toEqual([{ type: 'send', payload: Buffer.from([2]) }])
    const [step] = asking.receive(Buffer.concat([Buffer.from([1]), Buffer.from(pem)]))
    expect(opened((step as { payload: Buffer }).payload)).toBe('73677368757107')

    const neither = new Handshake(user())
    neither.receive(greeting())
    expect(() => neither.receive(Buffer.from([1, 4]))).toThrow(/requestPublicKey/)
  })

  it('refuses a server without TLS where it is required, and clear text without TLS', () => {
    expect(() => new Handshake(user({ tls: 'required' })).receive(greeting())).toThrow(HandshakeError)
    const handshake = new Handshake(user())
    handshake.receive(greeting())
    expect(() => handshake.receive(new Writer().u8(0xfe).nulText('mysql_clear_password').finish())).toThrow(/TLS/)
  })

  it('passes the server\'s error on', () => {
    const error = Buffer.concat([Buffer.from('ff1504', 'hex'), Buffer.from('#28000Access denied')])
    expect(() => new Handshake(user()).receive(error)).toThrow(new ServerError(1045, '28000', 'Access denied'))
  })

  it('survives any greeting and any packet after it', () => {
    const some = fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 4 })
    fc.assert(fc.property(some, fc.boolean(), (packets, greeted) => {
      const handshake = new Handshake(user())
      try {
        if (greeted) handshake.receive(greeting())
        for (const packet of packets) handshake.receive(Buffer.from(packet))
      } catch (error) {
        expect(error).toBeInstanceOf(BinlogError)
      }
    }))
  })
})

describe('commands', () => {
  it('are those that were captured from real replicas', () => {
    expect(hex(dump('', 4, { serverId: 0x3ea }))).toBe('12040000000000ea030000')
    expect(hex(dump('my-bin.000088', 0x427, { serverId: 0x7d2, flavourFlag: true }))).toBe(`12270400000200d2070000${hex(Buffer.from('my-bin.000088'))}`)
    expect(hex(dumpGtid(new MysqlGtidSet(), { serverId: 0x7d2, flavourFlag: true }))).toBe(['1e', '0200', 'd2070000', '00000000', '0400000000000000', '08000000', '0000000000000000'].join(''))
    expect(hex(registerReplica({ serverId: 0x3ea, port: 0x5b0d }))).toBe('15ea0300000000000d5b0000000000000000')
    expect(hex(semiSyncAck('mdb-bin.000089', 0x47f))).toBe(`ef7f04000000000000${hex(Buffer.from('mdb-bin.000089'))}`)
  })

  it('refuse a position that the command cannot say', () => {
    expect(() => dump('f', 2 ** 32, { serverId: 1 })).toThrow(RangeError)
  })

  it('set-up statements cannot be broken out of', () => {
    expect(() => setupStatements({ flavour: 'mysql', heartbeatMs: 1, uuid: '\', x=\'', semiSync: false, connectState: null })).toThrow(RangeError)
    expect(setupStatements({ flavour: 'mariadb', heartbeatMs: 500, uuid: 'u', semiSync: true, connectState: '0-1-5,7-1-9' })).toEqual([
      'SET @master_heartbeat_period=500000000', 'SET @master_binlog_checksum=@@global.binlog_checksum', 'SET @mariadb_slave_capability=4',
      'SET @slave_connect_state=\'0-1-5,7-1-9\'', 'SET @slave_gtid_strict_mode=1', 'SET @rpl_semi_sync_slave=1',
    ])
  })
})

describe('results of queries', () => {
  const column = (name: string): Buffer => new Writer().lenenc(3).text('def').zeros(3).lenenc(name.length).text(name).lenenc(0)
    .u8(12).u16(45).u32(10).u8(253).u16(0).u8(0).u16(0).finish()
  const eof = Buffer.from('fe00000200', 'hex')

  it('are columns, rows and NULLs', () => {
    const reader = new ResultReader()
    const packets = [Buffer.from([2]), column('a'), column('b'), eof, Buffer.from('\x011\xfb', 'latin1'), Buffer.from('\x00\x03xyz', 'latin1')]
    for (const packet of packets) expect(reader.receive(packet)).toBe(false)
    expect(reader.receive(eof)).toBe(true)
    expect(reader.columns.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(reader.takeRows().map((row) => row.map((value) => value?.toString() ?? null))).toEqual([['1', null], ['', 'xyz']])
  })

  it('never send a file of ours', () => {
    expect(() => new ResultReader().receive(Buffer.concat([Buffer.from([0xfb]), Buffer.from('/etc/passwd')]))).toThrow(DecodeError)
  })
})
