import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort, freePortRun, freePorts } from './free-port.js'

describe('freePort', () => {
  it('gives no port twice, also not to several processes', async () => {
    const ports = await freePorts(300)
    const script = `
      const { freePorts } = await import(${JSON.stringify(join(import.meta.dirname, '..', 'dist', 'free-port.js'))})
      console.log((await freePorts(300)).join())`
    const theirs = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).split(',').map(Number)
    expect(new Set([...ports, ...theirs]).size).toBe(600)
    expect(ports).toEqual([...ports].sort((a, b) => a - b))
  })

  it('gives what nobody listens on, and leaves what somebody does', async () => {
    const port = await freePort()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    await new Promise((resolve) => server.close(resolve))
  })

  it('finds ports that stand together', async () => {
    const first = await freePortRun([1, 10_001])
    expect(await freePortRun([0])).not.toBe(first + 1)
    expect(first).toBeLessThan(22_000)
  })
})
