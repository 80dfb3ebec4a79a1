/**
 * A busy node keeps its seat: a service embeds a node of a cluster, blocks its own event loop for several node
 * timeouts, and redis-benchmark saturates the I/O of that node meanwhile. Membership runs on a thread of its own, so
 * the others see nothing of it. SLOTWISE_BUSY_SECONDS says for how long (6, three node timeouts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { describePeer, freePort, peer, RespClient, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { redisCli, startNodes } from './fixtures/cluster.js'

const seconds = Number(process.env.SLOTWISE_BUSY_SECONDS ?? 6)

/** It serves, and blocks when it is told to. */
const service = (port: number, busPort: number, dir: string): string => `
  import { loadConfig } from '@slotwise/config'
  import { Node, nodeOptionsOf } from '@slotwise/node'
  const config = loadConfig({ args: ['--port', '${port}', '--bind', '127.0.0.1', '--dir', ${JSON.stringify(dir)}, '--appendonly', 'yes',
    '--cluster-enabled', 'yes', '--cluster-port', '${busPort}', '--cluster-node-timeout', '2000'] })
  await Node.start(nodeOptionsOf(config), { line: ({ message }) => console.error(message) })
  process.stdin.once('data', () => {
    process.stdout.write('blocking')
    for (const end = Date.now() + ${seconds * 1000}; Date.now() < end;);
    process.stdout.write('free')
  })
  process.stdout.write('up,')`

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()))
}

describePeer(['redis-cli', 'redis-benchmark'], 'a node whose application blocks and whose clients never stop', () => {
  it(`is not suspected by a majority in ${seconds} s`, async () => {
    await using others = await startNodes(['slotwise', 'slotwise'], ['--cluster-node-timeout', '2000'])
    await using dir = tempDir()
    const port = await freePort()
    const child = spawn(process.execPath, ['--input-type=module', '--eval', service(port, await freePort(), dir.path)],
      { cwd: join(import.meta.dirname, '..'), stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    let log = ''
    child.stdout.on('data', (chunk: Buffer) => output += chunk.toString())
    child.stderr.on('data', (chunk: Buffer) => log += chunk.toString())
    let load: ChildProcess | null = null
    try {
      await waitFor(() => output === 'up,', { timeoutMs: 60_000, what: `the service up: ${log}` })
      const ports = [port, ...others.nodes.map((node) => node.port)]
      const made = await redisCli('--cluster', 'create', ...ports.map((each) => `127.0.0.1:${each}`), '--cluster-yes')
      expect(made, made.output).toMatchObject({ code: 0 })
      await using client = await RespClient.connect({ port })
      await waitFor(async () => await client.command('SET', '{06S}', '1') === 'OK', { timeoutMs: 60_000, what: 'a key of the busy node' })
      const id = await client.command('CLUSTER', 'MYID') as string

      child.stdin.write('block')
      await waitFor(() => output.startsWith('up,blocking'))
      const benchmark = peer('redis-benchmark')
      if (!benchmark.usable) throw new Error(benchmark.reason)
      const last = { said: '', isOver: false }
      const saturate = (): ChildProcess => {
        Object.assign(last, { said: '', isOver: false })
        const started = spawn(benchmark.path, ['-p', String(port), '-c', '50', '-P', '32', '-n', '1000000000', '-q', 'SET', '{06S}', 'x'.repeat(100)], { stdio: ['ignore', 'pipe', 'pipe'] })
        for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => last.said = (last.said + chunk.toString()).slice(-1000))
        return started.once('close', () => { last.isOver = true })
      }
      load = saturate()
      const looks = { all: 0, idle: 0 }
      const flags = new Set<string>()
      while (output === 'up,blocking') {
        // It ends with the first error: a machine that stands still for a second ends the lease of the node.
        looks.all++
        if (last.isOver) {
          expect(last.said).toContain('CLUSTERDOWN')
          looks.idle++
          load = saturate()
        }
        for (const index of [0, 1]) flags.add((await others.rows(index)).find((row) => row.id === id)!.flags.join())
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      expect(looks.idle).toBeLessThan(looks.all / 2) // it saturated the node
      const suspicions = [...flags].filter((text) => text.split(',').includes('fail'))
      expect(suspicions).toEqual([])
      // Between two looks, too.
      for (const node of others.nodes) expect(node.output).not.toContain(`Marking node ${id} as failing`)
    } finally {
      load?.kill('SIGKILL')
      child.kill('SIGKILL')
      await ended(child)
    }
  }, 180_000 + seconds * 1000)
})
