import { describe, expect, it } from 'vitest'
import { encodeCommands } from './encode-commands.js'

describe('commands', () => {
  it('are arrays of bulk strings, counted in bytes', () => {
    expect(encodeCommands([['SET', 'é', new Uint8Array([0, 255])], ['PING']]).toString('latin1'))
      .toBe('*3\r\n$3\r\nSET\r\n$2\r\nÃ©\r\n$2\r\n\0ÿ\r\n*1\r\n$4\r\nPING\r\n')
  })

  it('are the same whatever is in them, and in whatever order', () => {
    const words = ['', 'a', 'é', '€', '😀', 'x'.repeat(300), '\r\n', '\0', new Uint8Array(), new Uint8Array([13, 10, 255])]
    for (const first of words) for (const second of words) for (const third of words) {
      const commands = [[first, second], [third], [second]]
      const wanted = commands.map((command) => Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...command.map((word) => {
        const bytes = Buffer.from(word)
        return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
      })]))
      if (!encodeCommands(commands).equals(Buffer.concat(wanted))) expect(commands).toEqual('encoded as it is')
    }
  })
})
