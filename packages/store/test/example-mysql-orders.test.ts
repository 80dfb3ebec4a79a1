/** examples/mysql-orders as its reader runs it: a folder, two packages, a MariaDB with the schema. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { describeMariadb, startMariadb, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const example = join(root, 'examples', 'mysql-orders')

interface Service extends AsyncDisposable {
  /** What it answers; null for 404. */
  get(path: string): Promise<unknown>
  end(signal: NodeJS.Signals): Promise<number | null>
}

async function startService(dir: string, sourcePort: number): Promise<Service> {
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', 'service.mjs'], {
    cwd: dir, env: { ...process.env, SOURCE_PORT: String(sourcePort), PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  await waitFor(() => {
    if (child.exitCode !== null) throw new Error(output)
    return /listening on \d+/.test(output)
  }, { what: 'the service listening' })
  const port = /listening on (\d+)/.exec(output)![1]
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return exited
  }
  return {
    end,
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return response.status === 404 ? null : response.json()
    },
    [Symbol.asyncDispose]: async () => { await end('SIGKILL') },
  }
}

describeMariadb('the example of docs/following.md', () => {
  it('answers with orders of both tables, fresh, and goes on after it was killed', async () => {
    await using dir = tempDir()
    await using source = await startMariadb()
    source.sql(await readFile(join(example, 'schema.sql'), 'utf8'))
    const insert = (id: number, user: number, amount: string): string =>
      `INSERT INTO shop.orders_${id % 2} (order_id, user_id, amount, card) VALUES (${id}, ${user}, ${amount}, '4111111111111111')`
    source.sql(insert(1000, 7, '9.50'))
    cpSync(example, dir.path, { recursive: true })
    mkdirSync(join(dir.path, 'node_modules', '@slotwise'), { recursive: true })
    symlinkSync(join(root, 'packages', 'store'), join(dir.path, 'node_modules', 'slotwise'))
    symlinkSync(join(root, 'packages', 'binlog'), join(dir.path, 'node_modules', '@slotwise', 'binlog'))
    const service = await startService(dir.path, source.port)
    await waitFor(async () => await service.get('/users/7/orders/1000') !== null, { what: 'the order that was there' })
    source.sql(`${insert(1001, 7, '20')}; UPDATE shop.orders_0 SET status = 'paid' WHERE order_id = 1000`)
    await waitFor(async () => (await service.get('/users/7/orders/1000') as { status: string }).status === 'paid', { what: 'the order that was paid' })
    expect(await service.get('/users/7/orders/1001')).toMatchObject({ order_id: '1001', amount: '20.00', status: 'new', card: '************1111' })
    expect(await service.get('/users/8/orders/1001')).toBeNull()
    await service.end('SIGKILL')
    source.sql(`DELETE FROM shop.orders_0 WHERE order_id = 1000; ${insert(1003, 7, '1')}`)
    await using again = await startService(dir.path, source.port)
    await waitFor(async () => await again.get('/users/7/orders/1003') !== null, { what: 'the order of meanwhile' })
    expect(await again.get('/users/7/orders/1000')).toBeNull()
    expect(await again.end('SIGTERM')).toBe(0)
  }, 240_000)
})
