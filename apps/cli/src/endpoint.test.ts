import { describe, expect, it } from 'vitest'
import { parseEndpoint, printEndpoint } from './endpoint.js'
import { UsageError } from './user-error.js'

describe('an address', () => {
  it.each([
    ['7000', { host: '127.0.0.1', port: 7000 }],
    ['db.example', { host: 'db.example', port: 6379 }],
    ['db.example:7001', { host: 'db.example', port: 7001 }],
    ['[::1]:7001', { host: '::1', port: 7001 }],
    ['redis://db.example', { host: 'db.example', port: 6379 }],
    ['redis://ada:p%40ss@db.example:7001/3', { host: 'db.example', port: 7001, user: 'ada', password: 'p@ss', db: 3 }],
    ['redis://', { host: '127.0.0.1', port: 6379 }],
    ['redis://:secret@[::1]:7001', { host: '::1', port: 7001, password: 'secret' }],
  ])('%s is read', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
  })

  it.each(['', '0', '70000', 'host:0', 'a:b:c', 'http://host', 'rediss://host', 'redis://host/x'])('%j is refused', (text) => {
    expect(() => parseEndpoint(text)).toThrow(UsageError)
  })

  it('is printed without its password', () => {
    expect(printEndpoint(parseEndpoint('redis://ada:secret@[::1]:7000/1'))).toBe('[::1]:7000')
  })
})
