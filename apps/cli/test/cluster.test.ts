/** `slotwise cluster`: whole clusters of real processes, started and ended as a user does. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { RespClient, tempDir, waitFor } from '@slotwise/testing'
import { command, freePorts, slotwise } from './run-cli.js'

const example = join(import.meta.dirname, '..', '..', '..', 'examples', 'three-services.mjs')
const answers = (port: number): Promise<boolean> => RespClient.connect({ port }).then(async (client) => {
  await client.close()
  return true
}, () => false)

/** On a terminal, which `script` makes, the status is drawn over what was there, until Ctrl-C. */
async function drawsAgain(port: number): Promise<void> {
  const status = `stty cols 150 rows 40; exec ${process.execPath} ${command} cluster status --port ${port}`
  const child = spawn('script', ['--quiet', '--return', '--command', status, '/dev/null'], { stdio: 'pipe' })
  const ended = once(child, 'close')
  let shown = ''
  child.stdout.on('data', (chunk) => shown += String(chunk))
  await waitFor(() => (shown.match(/\x1b\[\d+A\x1b\[J/g)?.length ?? 0) >= 2, { timeoutMs: 60_000, what: 'a third look' })
  expect(shown.match(/cluster ok, 6 nodes/g)!.length).toBeGreaterThanOrEqual(2)
  child.stdin.write('\x03')
  expect(await ended).toEqual([0, null])
}

describe('slotwise cluster', () => {
  it('up serves six nodes and the three services of the example, status shows them, a killed primary is replaced, and Ctrl-C leaves nothing behind', async () => {
    const port = await freePorts(6)
    await using dir = tempDir()
    await using up = slotwise(['cluster', 'up', '--port', port, '--', '--cluster-node-timeout', 5000], { TMPDIR: dir.path })
    await up.printed(/Ctrl-C ends it/)
    expect(up.out).toContain(`ports ${port} to ${port + 5}: 3 primaries, at least 1 replica each`)

    // Each node is asked: that its replica is there a primary hears with the next PING.
    let status = slotwise(['cluster', 'status', '--port', port])
    const replicasOk = /^ {2}127\.0\.0\.1:\d+ +replica .* ok, \d+ bytes behind$/gm
    await waitFor(async () => {
      if (await status.exited === 0 && status.out.match(replicasOk)?.length === 3) return true
      status = slotwise(['cluster', 'status', '--port', port])
      return false
    }, { timeoutMs: 60_000, what: 'three replicas' })
    expect(status.out).toContain('cluster ok, 6 nodes, 16384 of 16384 slots served')
    expect(status.out.match(/^127\.0\.0\.1:\d+ +primary/gm)).toHaveLength(3)

    expect((await promisify(execFile)(process.execPath, [example, String(port)])).stdout).toBe('report: 7 + 7 + 6 = 20 sold\n')

    await drawsAgain(port)

    await using client = await RespClient.connect({ port: port + 1 })
    const info = await client.command('INFO', 'server') as string
    process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), 'SIGKILL')
    await waitFor(async () => {
      const again = slotwise(['cluster', 'status', '--port', port])
      return await again.exited === 0 && again.out.includes('FAIL')
    }, { timeoutMs: 90_000, intervalMs: 200, what: 'a replica in the place of the killed primary' })
    await waitFor(() => up.err.includes(`node ${port + 1} ended (SIGKILL)`), { what: 'the word of it' })

    up.signal('SIGINT')
    expect(await up.exited).toBe(0)
    for (let index = 0; index < 6; index++) expect(await answers(port + index)).toBe(false)
    expect(readdirSync(dir.path)).toEqual([])
  }, 300_000)

  it('up says what a node has said that found the port of its bus taken', async () => {
    const port = await freePorts(2)
    const taken = createServer().listen(port + 10_001, '127.0.0.1')
    try {
      await once(taken, 'listening')
      await using up = slotwise(['cluster', 'up', '--nodes', 2, '--replicas', 0, '--port', port])
      expect(await up.exited).toBe(1)
      expect(up.err).toMatch(new RegExp(`node ${port + 1} ended with exit code 1[^]*${port + 10_001}`))
      expect(up.err).toContain('in use')
    } finally {
      taken.close()
    }
  }, 120_000)

  it('up --dir --detach returns, down ends it, and the same folder is the same cluster with its data', async () => {
    const port = await freePorts(2)
    await using dir = tempDir()
    const folder = join(dir.path, 'cluster')
    const first = slotwise(['cluster', 'up', '--dir', folder, '--detach', '--nodes', 2, '--port', port])
    try {
      expect([await first.exited, first.err]).toEqual([0, ''])
      await using client = await RespClient.connect({ port })
      expect(await client.command('SET', 'k', 'kept')).toBe('OK')
      expect(await client.command('WAIT', 1, 25_000)).toBe(1)

      const other = slotwise(['cluster', 'up', '--dir', folder, '--nodes', 3])
      expect(await other.exited).toBe(1)
      expect(other.err).toContain('made with --nodes 2')

      const down = slotwise(['cluster', 'down', '--dir', folder])
      expect([await down.exited, down.out]).toEqual([0, '2 nodes ended.\n'])
      const status = slotwise(['cluster', 'status', '--dir', folder])
      expect(await status.exited).toBe(1)
      expect(status.err).toMatch(/none of .* can be reached/)

      await using again = slotwise(['cluster', 'up', '--dir', folder])
      await again.printed(/Ctrl-C ends it/)
      await using second = await RespClient.connect({ port })
      expect(await second.command('GET', 'k')).toBe('kept')
    } finally {
      await slotwise(['cluster', 'down', '--dir', folder]).exited
    }
  })

  it('a port that is taken is said, with the words of the server, and what was started is ended', async () => {
    const port = await freePorts(3)
    await using taken = slotwise(['server', '--port', port + 1, '--bind', '127.0.0.1', '--save', ''])
    await waitFor(() => answers(port + 1), { what: 'the other server' })
    const up = slotwise(['cluster', 'up', '--nodes', 3, '--replicas', 0, '--port', port])
    expect(await up.exited).toBe(1)
    expect(up.err).toContain(`node ${port + 1} ended`)
    expect(up.err).toMatch(/address already in use/i)
    expect([await answers(port), await answers(port + 1)]).toEqual([false, true])
    expect(taken.out).not.toBe('')
  })
})
