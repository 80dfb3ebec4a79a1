/**
 * NodeFacts: what of the server's configuration and role decides how a request is answered. Clients change them at run
 * time (CONFIG SET, REPLICAOF), so they are asked for anew, at most ten times a second and only while requests come.
 * Commands may have been renamed away: where CONFIG does not tell what is promised, the disk is waited for.
 * Elsewhere: what follows from them (acknowledgement.ts, gateway.ts).
 */
import { type Engine, type Reply, ReplyError } from '@slotwise/engine'

const ASK_EVERY_MS = 100

export class NodeFacts {
  /** There is an append-only file. */
  persistent = false
  /** A reply waits for the disk (appendfsync always) or for replicas (repl-ack). */
  waits = false
  replica = false
  /** There is a replication stream, so that positions in it mean something. */
  replicates = false
  protectedMode = true
  #askedAtMs = -Infinity

  /** @param nowMs  monotonic */
  refresh(engine: Engine, nowMs: number): void {
    if (nowMs - this.#askedAtMs < ASK_EVERY_MS) return
    this.#askedAtMs = nowMs
    const asked = ['appendonly', 'appendfsync', 'repl-ack', 'protected-mode']
    const config = pairs(replyOrNull(engine, ['CONFIG', 'GET', ...asked]))
    this.persistent = config.get('appendonly') !== 'no'
    this.waits = (this.persistent && (config.get('appendfsync') ?? 'always') === 'always') ||
      ['semisync', 'quorum'].includes(config.get('repl-ack') ?? '')
    this.protectedMode = config.get('protected-mode') !== 'no'
    const info = infoOf(engine, 'replication')
    this.replica = /^role:slave/m.test(info)
    this.replicates = this.replica || /^repl_backlog_active:1/m.test(info)
  }
}

/** '' if there is no INFO. */
export const infoOf = (engine: Engine, section: string): string =>
  (replyOrNull(engine, ['INFO', section]) ?? '') as string

function replyOrNull(engine: Engine, args: readonly string[]): Reply {
  try {
    return engine.command(args)
  } catch (error) {
    if (error instanceof ReplyError) return null
    throw error
  }
}

/** A map as RESP2 has it. */
function pairs(reply: Reply): Map<string, string> {
  const flat = (reply ?? []) as string[]
  return new Map(flat.flatMap((name, i) => i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []))
}
