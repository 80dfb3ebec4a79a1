/** EngineTarget: this node's own engine as the store that a follower writes to, in all its databases. */
import { asBytes, CommandKeys, type Engine, ReplyError } from '@slotwise/engine'
import type { LogCommand, LogTarget } from '@slotwise/binlog/log'

/** @throws {ReplyError} what a command was refused with, so that nothing has run */
function transaction(engine: Engine, commands: readonly { args: (string | Uint8Array)[] }[]): unknown[] | null {
  try {
    return engine.transaction(commands)
  } catch (error) {
    throw error instanceof ReplyError && error.cause instanceof ReplyError ? error.cause : error
  }
}

export function engineTarget(engine: Engine): LogTarget {
  const commandKeys = new CommandKeys(engine)
  return {
    id() {
      try {
        const status = engine.command(['BINLOG', 'STATUS']) as Map<string, string>
        return status.get('id') ?? null
      } catch (error) {
        if (error instanceof ReplyError && error.message.startsWith('There is no binlog')) return null
        throw error
      }
    },
    get(key) {
      return engine.command(['GET', key], asBytes) as Uint8Array | null
    },
    keysOf(words) { return commandKeys.indexesOf(words) },
    apply(commands) { return transactionIn(engine, commands) ?? [] },
  }
}

/** @returns what was refused; null if a key that the session watches has changed: nothing has run */
export function transactionIn(engine: Engine, commands: readonly LogCommand[]): readonly string[] | null {
  const run: { args: (string | Uint8Array)[] }[] = []
  let selected = 0
  for (const { db, words } of commands) {
    if (db !== selected) run.push({ args: ['SELECT', String(selected = db)] })
    run.push({ args: [...words] })
  }
  if (selected !== 0) run.push({ args: ['SELECT', '0'] })
  const replies = transaction(engine, run)
  if (replies === null) return null
  return replies.filter((reply): reply is ReplyError => reply instanceof ReplyError).map(({ code, message }) => `${code} ${message}`)
}
