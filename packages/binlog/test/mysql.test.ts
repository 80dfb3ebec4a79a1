/** A real MySQL 9.7 is followed: what MariaDB does not have. */
import { describeMysql, startMysql, type MysqlProcess } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { follow, Mapping, SourceConnection, type ConnectionOptions, type FollowOptions } from '../src/index.js'
import { MemoryTarget } from './memory-target.js'

describeMysql('following a real MySQL', () => {
  let server: MysqlProcess
  const address = (more: Partial<ConnectionOptions> = {}): ConnectionOptions =>
    ({ host: '127.0.0.1', port: server.port, user: 'repl', password: 'replpw', ...more })

  beforeAll(async () => { server = await startMysql() }, 120_000)
  afterAll(async () => { await server[Symbol.asyncDispose]() })

  it('logs in with caching_sha2_password by key, by cache and behind TLS, and believes only what it was told to', async () => {
    const cipher = async (more: Partial<ConnectionOptions>): Promise<string | null | undefined> => {
      await using connection = await SourceConnection.connect(address(more))
      return (await connection.queryOne('SHOW STATUS LIKE \'Ssl_cipher\''))?.Value
    }
    await expect(cipher({ tls: 'off' })).rejects.toMatchObject({ code: 'HANDSHAKE' })
    expect(await cipher({ tls: 'off', requestPublicKey: true })).toBe('')
    // From now on the server remembers the password.
    expect(await cipher({ tls: 'off' })).toBe('')
    server.sql('FLUSH PRIVILEGES')
    expect(await cipher({})).toMatch(/^TLS_/)
    await expect(cipher({ tls: 'required' })).rejects.toMatchObject({ code: 'HANDSHAKE' })
    expect(await cipher({ tls: 'required', tlsOptions: { rejectUnauthorized: false } })).toMatch(/^TLS_/)
  })

  it('has compressed transactions, partial JSON, tagged GTIDs, vectors, logged cascades and XA as the server has them', async () => {
    server.sql(`CREATE DATABASE w; USE w; CREATE TABLE m (id INT PRIMARY KEY, a VARCHAR(20), j JSON, v VECTOR(3)); CREATE TABLE p (id INT PRIMARY KEY);
      CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p(id) ON DELETE CASCADE);
      INSERT INTO m VALUES (1,'é','{"a":1,"b":[1,2.0,1e300]}',NULL)`)
    const mapping = new Mapping({ tables: ['m', 'p', 'c'].map((table) => ({ table: `w.${table}`, key: `${table}:\${id}` })) })
    const run = (into: MemoryTarget, start: FollowOptions['start'] = 'now'): Promise<void> =>
      follow({ sources: [address()], serverId: 777, mapping, into, untilEnd: true, start })
    const target = new MemoryTarget()
    await run(target, 'snapshot')
    server.sql(`USE w; SET binlog_transaction_compression=ON; INSERT INTO m VALUES (2,'z',JSON_OBJECT('x',CAST('1.50' AS DECIMAL(5,2))),NULL);
      SET binlog_transaction_compression=OFF; SET binlog_row_value_options=PARTIAL_JSON; UPDATE m SET j=JSON_SET(j,'$.a',2,'$.n','new') WHERE id=1;
      UPDATE m SET j=JSON_REMOVE(j,'$.b[0]') WHERE id=1; SET binlog_row_value_options=''; SET gtid_next='AUTOMATIC:mytag';
      INSERT INTO m VALUES (3,'tag',NULL,STRING_TO_VECTOR('[1,2,-3]')); SET gtid_next=AUTOMATIC;
      INSERT INTO p VALUES (1),(2); INSERT INTO c VALUES (10,1),(11,2); DELETE FROM p WHERE id=1; XA START 'a'; INSERT INTO p VALUES (50); XA END 'a'; XA PREPARE 'a'`)
    await run(target)
    expect(target.rows()['p:50']).toBeUndefined()
    server.sql('XA COMMIT \'a\'; FLUSH BINARY LOGS; INSERT INTO w.p VALUES (51)')
    await run(target)
    expect(target.rows()).toEqual({
      'm:1': { id: '1', a: 'é', j: '{"a": 2, "b": [2.0, 1e300], "n": "new"}' }, 'm:2': { id: '2', a: 'z', j: '{"x": 1.50}' },
      'm:3': { id: '3', a: 'tag', v: Buffer.from('0000803f00000040000040c0', 'hex').toString('latin1') },
      'p:2': { id: '2' }, 'p:50': { id: '50' }, 'p:51': { id: '51' }, 'c:11': { id: '11', p: '2' },
    })
    expect(JSON.parse(target.keys.get('__binlog:{default}:position') as string)).toMatchObject({ gtids: server.sql('SELECT @@gtid_executed').trim() })
    const fromTheBeginning = new MemoryTarget()
    await run(fromTheBeginning, 'oldest')
    expect(fromTheBeginning.rows()).toEqual(target.rows())
  })
})
