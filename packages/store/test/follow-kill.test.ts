/**
 * Exactly once: a process that follows a MariaDB into a store is killed again and again under load. Whenever it is,
 * the store holds the rows of exactly the transactions up to the position in it: none is missing, none is ahead. At
 * the end it holds what the source holds. SLOTWISE_FOLLOW_KILLS says how often (8 by default).
 */
import { describeMariadb, startMariadb, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { open } from 'slotwise'
import { run } from './child.js'

const kills = Number(process.env.SLOTWISE_FOLLOW_KILLS ?? 8)

const script = (dir: string, port: number, untilEnd = false): string => `
  import { open } from 'slotwise'
  import { follow, Mapping } from '@slotwise/binlog'
  const store = await open({ dir: ${JSON.stringify(dir)}, codec: 'text' })
  await follow({
    sources: [{ host: '127.0.0.1', port: ${port}, user: 'repl', password: 'replpw' }], serverId: 4001, start: 'oldest', into: store,
    mapping: new Mapping({ tables: [{ table: 'w.log', key: 'log:\${id}' }, { table: 'w.acc', key: 'acc:{\${id}}' }] }),
    reconnectDelayMs: 20, untilEnd: ${untilEnd}, onProgress: ({ transactions }) => process.stdout.write(transactions + '\\n'),
  })`

describeMariadb('a follower that is killed', () => {
  it('has applied every transaction up to its position once, and none after it', async () => {
    await using server = await startMariadb()
    await using dir = tempDir()
    // Every transaction inserts one row that names its number, and moves money between ten accounts.
    server.sql(`CREATE DATABASE w; USE w; CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, n INT); CREATE TABLE acc (id INT PRIMARY KEY, balance INT);
      INSERT INTO acc SELECT seq, 1000 FROM seq_0_to_9;
      DELIMITER //
      CREATE PROCEDURE work(IN times INT) BEGIN WHILE times > 0 DO START TRANSACTION; INSERT INTO log (n) VALUES (times);
        UPDATE acc SET balance = balance - 1 WHERE id = times % 10; UPDATE acc SET balance = balance + 1 WHERE id = (times + 3) % 10; COMMIT; SET times = times - 1; END WHILE; END//`)
    const base = Number(server.sql('SELECT @@gtid_binlog_pos').trim().split('-')[2])
    for (let round = 0; round < kills; round++) {
      const follower = run(script(dir.path, server.port))
      server.sql('CALL w.work(1500)')
      const linesWanted = 1 + round % 4
      await waitFor(() => follower.output().split('\n').length > linesWanted, { timeoutMs: 90_000, what: `progress: ${follower.output()}` })
      follower.process.kill('SIGKILL')
      const end = await follower.ended
      expect(end).toMatchObject({ signal: 'SIGKILL', errors: '' })
      await using store = await open({ dir: dir.path, codec: 'text' })
      const { gtids } = JSON.parse(store.get('__binlog:{default}:position')!) as { gtids: string }
      const transactions = Math.max(0, Number(gtids.split('-')[2] ?? base) - base)
      const logged = Array.from({ length: transactions + 1 }, (_, i) => store.exists(`log:${i + 1}`))
      expect(logged.lastIndexOf(1) + 1, `rows in round ${round} of ${gtids}`).toBe(transactions)
      expect(logged.filter((found) => found === 1)).toHaveLength(transactions)
      const balances = Array.from({ length: 10 }, (_, id) => Number(store.command('HGET', `acc:{${id}}`, 'balance')))
      if (transactions > 0) expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(10_000)
    }
    const wanted = server.sql('SELECT @@gtid_binlog_pos').trim()
    const total = Number(server.sql('SELECT COUNT(*) FROM w.log'))
    expect(await run(script(dir.path, server.port, true)).ended).toMatchObject({ code: 0, errors: '' })
    await using store = await open({ dir: dir.path, codec: 'text' })
    expect(JSON.parse(store.get('__binlog:{default}:position')!)).toMatchObject({ gtids: wanted })
    expect(store.dbSize()).toBe(total + 10 + 1)
    const accounts = server.sql('SELECT id, balance FROM w.acc ORDER BY id').trim().split('\n').map((line) => line.split('\t')[1])
    expect(accounts).toEqual(Array.from({ length: 10 }, (_, id) => store.command('HGET', `acc:{${id}}`, 'balance')))
  }, 300_000)
})
