import { describe, expect, it } from 'vitest'
import { encodeCommands } from './encode-commands.js'

describe('commands', () => {
  it('are arrays of bulk strings, counted in bytes', () => {
    expect(encodeCommands([['SET', 'é', new Uint8Array([0, 255])], ['PING']]).toString('latin1'))
      .toBe('*3\r\n$3\r\nSET\r\n$2\r\nÃ©\r\n$2\r\n\0ÿ\r\n*1\r\n$4\r\nPING\r\n')
  })
})
