/**
 * MysqlCluster: a cluster that follows a MySQL source by itself: one of its nodes reads, and writes to all primaries.
 * It is the primary that has the slot of the follower's position: nobody has to be asked or elected, since the cluster
 * says whose a slot is, and fails over.
 * Two may take themselves for that one for a while. What they write is decided by what each slot has (ClusterState), so
 * that costs work and nothing else.
 */
import { type Engine, ReplyError } from '@slotwise/engine'
import { ClusterTarget } from '@slotwise/binlog'

/** Of the slot that has this key: null if this node serves it, else what a client is told. */
export function whyElsewhere(engine: Engine, key: string): string | null {
  try {
    engine.command(['EXISTS', key])
    const [role] = engine.command(['ROLE']) as [string]
    return role === 'master' ? null : 'READONLY You can\'t write against a read only replica.'
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error
    return `${error.code} ${error.message}`
  }
}

/**
 * All primaries of the cluster of this node, with the password by which it would follow one of them.
 * @param mayWrite  resolves when something may be written
 * @throws {TargetLostError} if the cluster is not whole; {TargetRefusedError} for a wrong password
 */
export function openCluster(engine: Engine, port: number, mayWrite: () => Promise<void>): Promise<ClusterTarget> {
  const get = (name: string): string => {
    const reply = engine.command(['CONFIG', 'GET', name])
    const value = reply instanceof Map ? reply.get(name) : undefined
    return typeof value === 'string' ? value : ''
  }
  const username = get('masteruser')
  const password = get('masterauth') || get('requirepass')
  return ClusterTarget.connect({
    nodes: [{ host: ownHost(get('bind')), port }], mayWrite, isShared: true,
    ...(password === '' ? {} : { password }), ...(username === '' || password === '' ? {} : { username }),
  })
}

/** Where this node answers itself. */
function ownHost(bind: string): string {
  const hosts = bind.split(' ').map((word) => word.replace(/^-/, '')).filter((word) => word !== '')
  return hosts.length === 0 || hosts.some((host) => host === '*' || host === '0.0.0.0' || host === '127.0.0.1') ? '127.0.0.1' : hosts[0]!
}
