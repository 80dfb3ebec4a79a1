import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseTokenFile, Tokens } from './tokens.js'

const SECRET = 'a-secret-of-24-characters'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('tokens', () => {
  it('are found as they were given, or by their hash', () => {
    for (const token of [SECRET, `sha256:${sha256(SECRET)}`, `sha256:${sha256(SECRET).toUpperCase()}`]) {
      const tokens = new Tokens([{ token, readOnly: true }])
      expect(tokens.find(SECRET, 0)).toMatchObject({ readOnly: true, admin: false, keyPrefix: null })
    }
  })

  it('are not found if anything differs, and their hash is none', () => {
    const tokens = new Tokens([{ token: `sha256:${sha256(SECRET)}` }])
    for (const forged of ['', SECRET.slice(1), `${SECRET} `, SECRET.toUpperCase(), sha256(SECRET), `sha256:${sha256(SECRET)}`, 'x'.repeat(1_000_000)]) {
      expect(tokens.find(forged, 0)).toBeNull()
    }
  })

  it('end in the millisecond of their expiry', () => {
    const tokens = new Tokens([{ token: SECRET, expiresAt: new Date(1000) }])
    expect(tokens.find(SECRET, 999)).not.toBeNull()
    expect(tokens.find(SECRET, 1000)).toBeNull()
  })

  it.each([
    [{ token: 'tiny-secret' }, /at least 16/], [{ token: 'sha256:abc' }, /64 hexadecimal/], [{ token: `${SECRET} ü` }, /visible ASCII/],
    [{ token: SECRET, keyPrefix: '' }, /prefix of token 1 is empty/], [{ token: SECRET, admin: true, readOnly: true }, /both admin and restricted/],
    [{ token: SECRET, expiresAt: new Date(NaN) }, /no time/],
  ])('cannot be %j', (rule, message) => {
    expect(() => new Tokens([rule])).toThrow(message)
    try {
      new Tokens([rule])
    } catch (error) {
      expect((error as Error).message).not.toContain(rule.token)
    }
  })
})

describe('a token file', () => {
  it('has a token a line, and what it may do', () => {
    const text = `# tokens of the shop\n\n${SECRET}\n  sha256:${sha256('x')} readonly prefix=shop:  # the web\n${SECRET}2 expires=2030-01-31T00:00:00Z\n${SECRET}3 admin\r\n`
    expect(parseTokenFile(text)).toEqual([
      { token: SECRET },
      { token: `sha256:${sha256('x')}`, readOnly: true, keyPrefix: 'shop:' },
      { token: `${SECRET}2`, expiresAt: new Date('2030-01-31T00:00:00Z') },
      { token: `${SECRET}3`, admin: true },
    ])
  })

  it.each([`${SECRET} reedonly`, `${SECRET} expires=tomorrow`, `${SECRET} expires=2030-01-01T00:00`, 'short', `${SECRET} prefix=`])(
    'is refused with its line: %s', (line) => {
      expect(() => parseTokenFile(`# first\n${line}`)).toThrow(/^line 2: /)
    })
})
