import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestPage } from './request-page.js'

describe('the request page', () => {
  it('holds what Buffer would make of any well-formed string, at any position, and keeps what is before it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 }).filter((item) => (item as string & { isWellFormed(): boolean }).isWellFormed())
    fc.assert(fc.property(text, fc.nat(5000), (value, at) => {
      const request = new RequestPage(4096, () => undefined)
      request.reserve(0, at)
      request.page.fill(7, 0, at)
      const end = request.put(value, at)
      expect(request.page.subarray(at, end).toString()).toBe(value)
      expect(request.page.subarray(0, at).every((byte) => byte === 7)).toBe(true)
    }))
  })

  it('tells when it has become another page', () => {
    let changes = 0
    const request = new RequestPage(4096, () => changes++)
    request.put('x'.repeat(4000), 0)
    expect(changes).toBe(0)
    request.put(new Uint8Array(9000), 100)
    expect(changes).toBe(1)
    expect(request.page.subarray(0, 100).toString()).toBe('x'.repeat(100))
    expect(request.page.length).toBe(16384)
  })

  it('goes back to its size after a huge value', async () => {
    const request = new RequestPage(4096, () => undefined)
    request.put(new Uint8Array(2 ** 21), 0)
    expect(request.page.length).toBe(2 ** 21)
    await new Promise(setImmediate)
    expect(request.page.length).toBe(4096)
  })

  it.each([[null], [undefined], [5], [{}], [['a']], [new ArrayBuffer(1)], [new Uint16Array(1)], [Symbol('x')]])('refuses %s', (value) => {
    const request = new RequestPage(4096, () => undefined)
    expect(() => request.put(value as never, 0)).toThrow(TypeError)
  })

  it('refuses a lone surrogate rather than store another string, short or long', () => {
    const request = new RequestPage(4096, () => undefined)
    expect(() => request.put('a\ud800', 0)).toThrow(/lone surrogate/)
    expect(() => request.put(`${'a'.repeat(100)}\udfff`, 0)).toThrow(/lone surrogate/)
  })

  it('refuses more than 512 MiB', () => {
    const request = new RequestPage(4096, () => undefined)
    const bytes = new Uint8Array(0)
    Object.defineProperty(bytes, 'length', { value: 512 * 1024 * 1024 + 1 })
    expect(() => request.put(bytes, 0)).toThrow(RangeError)
  })
})
