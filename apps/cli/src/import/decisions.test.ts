import { describe, expect, it } from 'vitest'
import { databasesOf, restoreOf } from './copy.js'
import { linkState } from './follow.js'

describe('an import', () => {
  it.each([
    [{ master_link_status: 'down', master_sync_in_progress: '0' }, { phase: 'connecting' }],
    [{ master_link_status: 'down', master_sync_in_progress: '1', master_sync_total_bytes: '0', master_sync_read_bytes: '9' }, { phase: 'loading', part: null }],
    [{ master_link_status: 'down', master_sync_in_progress: '1', master_sync_total_bytes: '100', master_sync_read_bytes: '25' }, { phase: 'loading', part: 0.25 }],
    [{ master_link_status: 'up', master_sync_in_progress: '0', slave_repl_offset: '77' }, { phase: 'following', offset: 77 }],
  ])('knows from %j how far the link is', (info, state) => {
    expect(linkState(new Map(Object.entries(info)))).toEqual(state)
  })

  it('restores keys with what is left of their time, and leaves out those that are gone', () => {
    const [key, dump] = [Buffer.from('k'), Buffer.from('d')]
    expect(restoreOf(key, dump, -1)).toEqual(['RESTORE', key, 0, dump, 'REPLACE'])
    expect(restoreOf(key, dump, 1500)).toEqual(['RESTORE', key, 1500, dump, 'REPLACE'])
    expect(restoreOf(key, dump, 0)).toEqual(['RESTORE', key, 1, dump, 'REPLACE'])
    expect(restoreOf(key, dump, -2)).toBeNull()
    expect(restoreOf(key, null, -2)).toBeNull()
  })

  it('finds the databases that have keys', () => {
    expect(databasesOf(new Map([['db0', 'keys=12,expires=1,avg_ttl=0'], ['db10', 'keys=3'], ['# Keyspace', '']]))).toEqual(new Map([[0, 12], [10, 3]]))
  })
})
