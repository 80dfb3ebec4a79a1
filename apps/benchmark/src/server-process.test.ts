import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { customPeer } from './cli.js'
import type { ServerPeer } from './scenario.js'
import { commandLine, makeDir, removeDir, ServerProcess } from './server-process.js'

const values = { node: '/bin/node', root: '/repo', port: 21399, dir: '/data' }
const flagged: ServerPeer = {
  kind: 'server', name: 'x', command: ['{node}', '{root}/x', '--port', '{port}', '--dir={dir}'], directives: 'flags', install: '',
}

describe('commandLine', () => {
  it('fills the places and turns persistence off unless told otherwise', () => {
    expect(commandLine(flagged, values, {}))
      .toEqual(['/bin/node', '/repo/x', '--port', '21399', '--dir=/data', '--save', '', '--appendonly', 'no'])
    expect(commandLine(flagged, values, { appendonly: 'yes' }).slice(-4)).toEqual(['--save', '', '--appendonly', 'yes'])
  })

  it('refuses to drop directives that a custom server cannot take', () => {
    const plain = customPeer('bare', '/opt/bare {port} {dir}')
    expect(commandLine(plain, values, {})).toEqual(['/opt/bare', '21399', '/data'])
    expect(() => commandLine(plain, values, { appendfsync: 'always' })).toThrow(/takes no directives/)
    const configurable = customPeer('bare', 'bare {port} {dir} {directives}')
    expect(commandLine(configurable, values, { appendfsync: 'always' })).toContain('--appendfsync')
  })
})

describe('ServerProcess.start', () => {
  const peer = (...command: string[]): ServerPeer => ({ ...flagged, command, directives: 'none', install: 'Install it.' })

  it('rejects with the output of a server that ends at once', async () => {
    const start = ServerProcess.start({
      peer: peer('{node}', '-e', 'console.log("no disk"); process.exit(3)'), directives: {}, root: '/', port: 21398,
    })
    await expect(start).rejects.toThrow(/ended with 3[^]*no disk[^]*Install it/)
  })

  it('rejects with what to install when there is no such program', async () => {
    const start = ServerProcess.start({ peer: peer('no-such-program-21398'), directives: {}, root: '/', port: 21398 })
    await expect(start).rejects.toThrow(/ENOENT[^]*Install it/)
  })
})

describe('makeDir', () => {
  it('makes an empty directory that removeDir removes with its contents', () => {
    const dir = makeDir()
    expect(existsSync(dir)).toBe(true)
    removeDir(dir)
    expect(existsSync(dir)).toBe(false)
  })
})
