/**
 * Payloads of RESTORE and RDB files that nobody should send: an error, the key or the data set as before, no memory
 * taken by what is only claimed. redis-server 7.0.15 answers the same where it checks (`sanitize-dump-payload yes`).
 * native/test/dump_test.cc has more of them, and random ones.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, RespError, startRedis, startSlotwise, tempDir, type RespClient } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** CRC-64 of Redis: reflected, from 0. */
function crc64(data: Buffer): Buffer {
  let crc = 0n
  for (const byte of data) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? crc >> 1n ^ 0x95ac9329ac4bc9b5n : crc >> 1n
  }
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64LE(crc)
  return sum
}

/** A value as DUMP ends it. */
function payload(hex: string, version = 10): Buffer {
  const head = Buffer.concat([bytes(hex), Buffer.from([version, 0])])
  return Buffer.concat([head, crc64(head)])
}

/** An RDB file of version 10 with `hex` between its head and its end. */
function rdb(hex: string, version = '0010'): Buffer {
  const head = Buffer.concat([Buffer.from(`REDIS${version}`), bytes(hex), Buffer.from([255])])
  return Buffer.concat([head, crc64(head)])
}

const flipped = (data: Buffer): Buffer => Buffer.concat([data.subarray(0, -1), Buffer.from([data.at(-1)! ^ 1])])
const wrongSum = 'ERR DUMP payload version or checksum are wrong'
const badData = 'ERR Bad data format'

const payloads: [row: number, what: string, payload: Buffer, error: string][] = [
  [46, 'a wrong checksum', flipped(payload('00 01 61')), wrongSum],
  [46, 'a newer version', payload('00 01 61', 12), wrongSum],
  [46, 'one byte', Buffer.from([0]), wrongSum],
  [46, 'nothing', Buffer.alloc(0), wrongSum],
  [48, 'a listpack whose size is another', payload('10 0f 0e 00 00 00 04 00 01 01 02 01 03 01 02 01 ff'), badData],
  [48, 'an element that crosses the end', payload('10 0b 0b 00 00 00 02 00 01 01 8a 61 ff'), badData],
  [48, 'a size from behind that is wrong', payload('10 0f 0f 00 00 00 04 00 01 01 02 02 03 01 02 01 ff'), badData],
  [48, 'a listpack without its end', payload('10 0f 0f 00 00 00 04 00 01 01 02 01 03 01 02 01 00'), badData],
  [49, 'a ziplist whose neighbour has another size', payload('0d 0f 0f 00 00 00 0c 00 00 00 02 00 00 f2 03 f3 ff'), badData],
  [49, 'a zipmap that ends too early', payload('09 06 01 05 61 62 63 ff'), badData],
  [49, 'an intset with more members than bytes', payload('0b 0a 08 00 00 00 00 00 00 20 01 00'), badData],
  [49, 'an unsorted intset', payload('0b 0e 02 00 00 00 03 00 00 00 02 00 01 00 03 00'), badData],
  [49, 'an intset with a member twice', payload('0b 0e 02 00 00 00 03 00 00 00 01 00 01 00 03 00'), badData],
  [50, 'a field without a value', payload('10 0d 0d 00 00 00 03 00 01 01 02 01 03 01 ff'), badData],
  [50, 'a field twice', payload('10 0f 0f 00 00 00 04 00 01 01 02 01 01 01 02 01 ff'), badData],
  [50, 'a member of a sorted set twice', payload('11 0f 0f 00 00 00 04 00 01 01 02 01 01 01 03 01 ff'), badData],
  [50, 'a score that is NaN', payload('05 01 01 61 00 00 00 00 00 00 f8 7f'), badData],
  [52, 'two milliards of nodes', payload('12 80 7f ff ff ff 01 01 61'), badData],
  [52, 'a container that there is not', payload('12 01 03 0a 0a 00 00 00 01 00 81 61 02 ff'), badData],
  [52, 'a packed node that is none', payload('12 01 02 03 61 62 63'), badData],
  [53, 'LZF that claims 2^62 bytes', payload('00 c3 03 81 40 00 00 00 00 00 00 00 01 61 62'), badData],
  [53, 'LZF that looks back before its start', payload('00 c3 04 0a 00 61 20 ff'), badData],
  [53, 'LZF that gives less than it claims', payload('00 c3 02 0a 00 61'), badData],
]

async function restoresNone(client: RespClient, judge: (reply: unknown, error: string) => void): Promise<void> {
  await client.command('SET', 'k', 'before')
  for (const [row, what, data, error] of payloads) {
    const reply = await client.command('RESTORE', 'k', 0, data, 'REPLACE')
    judge(reply instanceof RespError ? reply.message : `row ${row}, ${what}, was taken`, error)
  }
  expect(await client.command('GET', 'k')).toBe('before')
}

describe('a payload that is no value', () => {
  it('is refused, and the key is as before', async () => {
    await using ours = await startSlotwise({ args: ['--appendonly', 'no'] })
    await using client = await ours.client()
    const usedBytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await client.command('INFO', 'memory') as string)![1])
    await restoresNone(client, () => undefined)
    const before = await usedBytes()
    await restoresNone(client, (reply, error) => expect(reply).toBe(error))
    expect(await usedBytes() - before).toBeLessThan(1 << 20)
    expect(await client.command('RESTORE', 'k', -1, payload('00 01 61'), 'REPLACE')).toMatchObject({ message: 'ERR Invalid TTL value, must be >= 0' })
    expect(await client.command('RESTORE', 'k', 0, payload('00 01 61'))).toMatchObject({ message: 'BUSYKEY Target key name already exists.' })
    expect(await client.command('RESTORE', 'k', 0, payload('00 01 61'), 'REPLACE')).toBe('OK')
    expect(await client.command('GET', 'k')).toBe('a')
  })
})

describePeer('redis-server', 'redis-server', () => {
  it('refuses the same payloads in the same words', async () => {
    await using redis = await startRedis({ args: ['--sanitize-dump-payload', 'yes'] })
    await using client = await redis.client()
    await restoresNone(client, (reply, error) => expect(reply).toBe(error))
  })
})

const files: [row: number, what: string, file: Buffer, reason: string][] = [
  [54, 'no end', rdb('fe 00 00 01 6b 01 76').subarray(0, -9), 'the data ends too early'],
  [54, 'a wrong checksum', flipped(rdb('fe 00 00 01 6b 01 76')), 'Wrong RDB checksum'],
  [54, 'an unknown type', rdb('fe 00 63 01 6b 01 76'), 'Unknown RDB encoding type 99'],
  [54, 'a name of 1 GiB', rdb('fa 80 40 00 00 00 61 62'), 'the data ends too early'],
  [54, 'a key twice', rdb('fe 00 00 01 6b 01 76 00 01 6b 01 76'), 'holds a key twice'],
  [54, 'a database that there is not', rdb('fe 10 00 01 6b 01 76'), 'more than 16 databases'],
  [55, 'data of a module', rdb('f7 81 00 00 00 00 00 00 00 01 00'), 'data of a module'],
  [55, 'functions', rdb('f5 01 61'), 'functions'],
  [56, 'a newer version', rdb('fe 00 00 01 6b 01 76', '0012'), 'Can\'t handle RDB format version 12'],
  [56, 'another head', Buffer.from('VALKEY080 and so on'), 'Wrong signature'],
]

describe('an RDB file with', () => {
  it.each(files)('row %i: %s stops the start, with the reason and what to do', async (_row, _what, file, reason) => {
    await using dir = tempDir()
    writeFileSync(join(dir.path, 'dump.rdb'), file)
    const server = startSlotwise({ dir: dir.path, args: ['--appendonly', 'no'] })
    await expect(server).rejects.toThrow(reason)
    await expect(server).rejects.toThrow(/byte \d+/)
  })

  it('an expiry before 1970 has no such key', async () => {
    await using dir = tempDir()
    writeFileSync(join(dir.path, 'dump.rdb'), rdb('fe 00 fc ff ff ff ff ff ff ff ff 00 01 6b 01 76 00 01 6c 01 77'))
    await using ours = await startSlotwise({ dir: dir.path, args: ['--appendonly', 'no'] })
    await using client = await ours.client()
    expect(await client.command('KEYS', '*')).toEqual(['l'])
  })
})
