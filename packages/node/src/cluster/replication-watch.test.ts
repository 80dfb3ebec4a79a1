import { expect, test } from 'vitest'
import { ReplicationWatch } from './replication-watch.js'

const replica = (link: string, offset: number, seconds = 0, sync = 0): string =>
  `# Replication\r\nrole:slave\r\nmaster_link_status:${link}\r\nmaster_last_io_seconds_ago:${seconds}\r\n` +
  `master_sync_in_progress:${sync}\r\nslave_repl_offset:${offset}\r\nmaster_repl_offset:1\r\n`

test('a primary tells its own offset', () => {
  const watch = new ReplicationWatch(1000)
  expect(watch.read('# Replication\r\nrole:master\r\nmaster_repl_offset:77\r\n', 2000))
    .toEqual({ offset: 77, connected: false, sinceMs: 1000, loaded: false })
})

test('a replica has data when its first synchronisation is done, and its age is that of the link', () => {
  const watch = new ReplicationWatch(1000)
  expect(watch.read(replica('down', 0), 2000)).toEqual({ offset: 0, connected: false, sinceMs: 1000, loaded: false })
  expect(watch.read(replica('up', 5, 0, 1), 3000)).toMatchObject({ connected: true, loaded: false })
  expect(watch.read(replica('up', 9, 1), 9000)).toEqual({ offset: 9, connected: true, sinceMs: 8000, loaded: true })
  expect(watch.read(replica('down', 9), 12_000)).toEqual({ offset: 9, connected: false, sinceMs: 12_000, loaded: true })
  expect(watch.read(replica('down', 9), 15_000)).toMatchObject({ sinceMs: 12_000 })
  watch.restart(16_000)
  expect(watch.read(replica('down', 9), 17_000)).toEqual({ offset: 9, connected: false, sinceMs: 16_000, loaded: false })
})
