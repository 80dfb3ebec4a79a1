import { expect, test } from 'vitest'
import { ReplicationWatch } from './replication-watch.js'

const replica = (link: string, offset: number, seconds = 0, sync = 0, history = 'a'): string =>
  `# Replication\r\nrole:slave\r\nmaster_link_status:${link}\r\nmaster_last_io_seconds_ago:${seconds}\r\n` +
  `master_sync_in_progress:${sync}\r\nslave_repl_offset:${offset}\r\nmaster_replid:${history}\r\nmaster_repl_offset:1\r\n`

test('a primary tells its own offset', () => {
  const watch = new ReplicationWatch(1000)
  expect(watch.read('# Replication\r\nrole:master\r\nmaster_repl_offset:77\r\n', 2000))
    .toMatchObject({ offset: 77, connected: false, sinceMs: 1000, loaded: false })
})

test('what is fsynced, and of which history, is told too', () => {
  const watch = new ReplicationWatch(1000)
  const info = `role:master\r\nmaster_replid:${'ab'.repeat(20)}\r\nmaster_repl_offset:77\r\nmaster_fsynced_offset:70\r\n`
  expect(watch.read(info, 2000)).toMatchObject({ offset: 77, durableOffset: 70, history: 'ab'.repeat(20) })
  expect(watch.read('role:master\r\n', 2000)).toMatchObject({ offset: 0, durableOffset: 0, history: '' })
})

test('a replica has data when its first synchronisation is done, and its age is that of the link', () => {
  const watch = new ReplicationWatch(1000)
  expect(watch.read(replica('down', 0), 2000)).toMatchObject({ offset: 0, connected: false, sinceMs: 1000, loaded: false })
  expect(watch.read(replica('up', 5, 0, 1), 3000)).toMatchObject({ connected: true, loaded: false })
  expect(watch.read(replica('up', 9, 1), 9000)).toMatchObject({ offset: 9, connected: true, sinceMs: 8000, loaded: true })
  expect(watch.read(replica('down', 9), 12_000)).toMatchObject({ offset: 9, connected: false, sinceMs: 12_000, loaded: true })
  expect(watch.read(replica('down', 9), 15_000)).toMatchObject({ sinceMs: 12_000 })
  watch.restart(16_000)
  expect(watch.read(replica('down', 9), 17_000)).toMatchObject({ offset: 9, connected: false, sinceMs: 16_000, loaded: false })
})

test('a link that was up between two looks is known by the history that came with it', () => {
  const watch = new ReplicationWatch(1000)
  watch.read('# Replication\r\nrole:master\r\nmaster_replid:own\r\nmaster_repl_offset:0\r\n', 1000)
  watch.restart(2000)
  expect(watch.read(replica('down', 0, 0, 0, 'own'), 2100)).toMatchObject({ loaded: false })
  expect(watch.read(replica('down', 0, 0, 1, 'theirs'), 2200)).toMatchObject({ loaded: false })
  expect(watch.read(replica('down', 9, 0, 0, 'theirs'), 2300)).toMatchObject({ offset: 9, connected: false, sinceMs: 2000, loaded: true })
  watch.restart(3000)
  expect(watch.read(replica('down', 9, 0, 0, 'theirs'), 3100)).toMatchObject({ loaded: false })
})
