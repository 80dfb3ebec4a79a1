/**
 * For how long a node is not to listen after its data was loaded: of a primary that has lost it.
 * Elsewhere: why (packages/cluster, late-return.ts).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lateReturnMs, parseNodesConf } from '@slotwise/cluster'
import type { Engine } from '@slotwise/engine'
import { clusterConfig } from './cluster-config.js'

export function lateStartMs(engine: Engine): number {
  const get = (name: string): string => {
    const reply = engine.command(['CONFIG', 'GET', name])
    const value = reply instanceof Map ? reply.get(name) : undefined
    return typeof value === 'string' ? value : ''
  }
  const { machine } = clusterConfig(get, 0)
  const info = String(engine.command(['INFO', 'replication']))
  const hasHistory = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]) > 0
  if (machine.ackReplicas !== null || hasHistory || engine.command(['DBSIZE']) !== 0) return 0
  try {
    const saved = parseNodesConf(readFileSync(join(get('dir'), get('cluster-config-file')), 'utf8'))
    return 'refused' in saved ? 0 : lateReturnMs(saved, machine.nodeTimeoutMs)
  } catch {
    return 0 // a first start; whatever else is wrong with the file is said later
  }
}
