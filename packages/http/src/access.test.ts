import { describe, expect, it } from 'vitest'
import { type RequestHead, scopeOf } from './access.js'
import { OPEN, Tokens } from './tokens.js'

const SECRET = 'a-secret-of-24-characters'
const tokens = new Tokens([{ token: SECRET, readOnly: true }])
const head = (headers: Record<string, string> = {}, remoteAddress = '127.0.0.1'): RequestHead =>
  ({ method: 'GET', url: '/', remoteAddress, header: (name) => headers[name] })

describe('with tokens', () => {
  const ask = (headers: Record<string, string>, query = ''): unknown => scopeOf(head(headers, '203.0.113.9'), query, tokens, true, 0)

  it.each<[Record<string, string>, string]>([
    [{ authorization: `Bearer ${SECRET}` }, ''], [{ authorization: `bearer  ${SECRET} ` }, ''], [{}, `_token=${SECRET}`], [{}, `EX=1&_token=${SECRET}`],
    [{ authorization: `Bearer ${SECRET}`, origin: 'https://shop.example' }, ''],
  ])('%j ?%s is let in from anywhere', (headers, query) => {
    expect(ask(headers, query)).toMatchObject({ readOnly: true })
  })

  it.each<[Record<string, string>, string]>([
    [{}, ''], [{ authorization: SECRET }, ''], [{ authorization: 'Bearer' }, ''], [{ authorization: 'Bearer ' }, ''], [{ authorization: `Bearer ${SECRET}x` }, ''],
    [{ authorization: `Basic ${Buffer.from(`a:${SECRET}`).toString('base64')}` }, ''], [{}, '_token='], [{}, `x_token=${SECRET}`], [{}, '_token=%ff'], [{}, '_token=%'],
    // A bad header is not saved by a good query.
    [{ authorization: 'Bearer wrong' }, `_token=${SECRET}`],
  ])('%j ?%s is answered like every other stranger', (headers, query) => {
    expect(ask(headers, query)).toMatchObject({ status: 401, body: '{"error":"Unauthorized"}' })
  })
})

describe('without tokens', () => {
  const ask = (headers: Record<string, string>, address?: string, protectedMode = true): unknown =>
    scopeOf(head({ host: '127.0.0.1:8079', ...headers }, address), '', null, protectedMode, 0)

  it.each<[Record<string, string>, string]>([
    [{}, '127.0.0.1'], [{}, '::1'], [{}, '::ffff:127.0.0.1'], [{}, ''], [{ host: 'localhost' }, '::1'], [{ host: '[::1]:80' }, '::1'], [{ 'sec-fetch-site': 'none' }, '::1'],
  ])('%j from %s is let in', (headers, address) => {
    expect(ask(headers, address)).toBe(OPEN)
  })

  it.each<[Record<string, string>, string]>([
    [{}, '203.0.113.9'], [{}, '::ffff:10.0.0.1'], [{ origin: 'https://evil.example' }, '127.0.0.1'], [{ origin: 'null' }, '127.0.0.1'],
    [{ 'sec-fetch-site': 'cross-site' }, '127.0.0.1'], [{ 'sec-fetch-site': 'same-origin' }, '127.0.0.1'], [{ host: 'rebound.evil.example:8079' }, '127.0.0.1'], [{ host: '' }, '127.0.0.1'],
  ])('%j from %s is refused', (headers, address) => {
    expect(ask(headers, address)).toMatchObject({ status: 403 })
  })

  it('protected-mode no lets other machines in, but still no web page', () => {
    expect(ask({ host: 'cache.internal' }, '10.0.0.1', false)).toBe(OPEN)
    expect(ask({ origin: 'https://evil.example' }, '10.0.0.1', false)).toMatchObject({ status: 403 })
  })
})
