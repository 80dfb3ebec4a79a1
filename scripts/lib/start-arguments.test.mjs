import { describe, expect, it } from 'vitest'
import { startArguments } from './start-arguments.mjs'

const all = ['--bind', '127.0.0.1', '--port', '6379', '--dir', '/d', '--appendonly', 'yes']

describe('npm start', () => {
  it('serves 127.0.0.1:6379 from ./data with an append-only file', () => {
    expect(startArguments([], {}, '/d')).toEqual({ args: all, usesDataDir: true })
  })

  it('leaves out what is given, and passes everything on in its order', () => {
    expect(startArguments(['--port', '7000', '--save', '', '--DIR', '/x'], {}, '/d')).toEqual({
      args: ['--bind', '127.0.0.1', '--appendonly', 'yes', '--port', '7000', '--save', '', '--DIR', '/x'],
      usesDataDir: false,
    })
  })

  it('lets the environment speak', () => {
    expect(startArguments([], { SLOTWISE_PORT: '1', SLOTWISE_DIR: '/e' }, '/d')).toEqual({
      args: ['--bind', '127.0.0.1', '--appendonly', 'yes'],
      usesDataDir: false,
    })
  })

  it.each([[['redis.conf', '--port', '1']], [['-']], [['--help']], [['--dir', '/x', '--check-config']]])(
    'adds nothing to %j', (args) => {
      expect(startArguments(args, {}, '/d')).toEqual({ args, usesDataDir: false })
    })
})
