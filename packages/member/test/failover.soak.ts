/** Of `npm run test:member-kills`: six members, five of them in this process, and a primary in another is killed. */
import { waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { join, type Member } from '@slotwise/member'
import { child, folders, numbered, ports, replicated } from './support.js'

it('a member that is killed is replaced by its replica, and nothing that the replica had is lost', async () => {
  const free = await ports(6)
  await using dirs = folders()
  const at = (index: number): { dir: string; port: number; busPort: number } =>
    ({ dir: dirs.use(), port: free[index]!, busPort: free[6 + index]! })
  const common = { codec: 'text', replicas: 1, directives: { 'repl-diskless-sync-delay': 0 }, nodeTimeoutMs: 2000, commandTimeoutMs: 60_000, joinTimeoutMs: 180_000 } as const
  const seeds = [`127.0.0.1:${free[0]}`]
  // By address the first three are the primaries: the one in the other process is the second of them.
  const joining = [join({ ...at(0), members: 6, ...common })]
  const victim = child({ ...at(1), seeds, ...common })
  for (const index of [2, 3, 4, 5]) joining.push(join({ ...at(index), seeds, ...common }))
  const members = await Promise.all(joining)
  await victim.said('ready')
  const [node] = members as [Member<string>]
  const changes = new Set<string>()
  const stop = new AbortController()
  const heard = (async () => {
    for await (const { name } of node.changes({ signal: stop.signal })) changes.add(name)
  })().catch(() => undefined)
  expect((await node.status()).members.filter(({ role, slotCount }) => role === 'primary' && slotCount > 0).length).toBe(3)

  const keys = numbered(200)
  await Promise.all(keys.map((key) => node.set(key, key)))
  // What a replica has not got yet is lost with its primary, as in Redis.
  await waitFor(() => replicated(free[1]!), { timeoutMs: 30_000, what: 'the copy' })
  await victim.kill()
  // Reads wait until somebody can answer; a write that was on its way when the process died may have been lost.
  expect(await Promise.all(keys.map((key) => node.get(key)))).toEqual(keys)
  for (const key of keys) expect(await node.set(key, 'new')).toBe(true)
  await waitFor(() => changes.has('failed') && changes.has('offset'), { timeoutMs: 20_000, what: 'news' })
  stop.abort()
  await heard
  await Promise.all(members.map((member) => member.close()))
}, 400_000)
