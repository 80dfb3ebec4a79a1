/** MysqlTarget: this node's own engine as the store that rows of a MySQL source are written to, in database 0. */
import { asBytes, asText, type Engine, type EngineCommand, ReplyError } from '@slotwise/engine'
import { TargetLostError, TargetRefusedError, type TargetStore } from '@slotwise/binlog'

/** Nothing of a transaction has run, and later it may: no memory, a full disk, too few replicas, another role. */
const PASSING = new Set(['OOM', 'MISCONF', 'NOREPLICAS', 'READONLY', 'LOADING', 'BUSY', 'MASTERDOWN', 'TRYAGAIN'])

const wordsOf = (name: string, args: readonly (string | Uint8Array)[]): (string | Uint8Array)[] => [...name.split(' '), ...args]

/** @param mayApply  resolves when a transaction may be written, or rejects */
export function mysqlTarget(engine: Engine, mayApply: () => Promise<void>): TargetStore {
  return {
    async multi(build) {
      const commands: EngineCommand[] = []
      build({ command: (name, ...args) => void commands.push({ args: wordsOf(name, args) }) })
      await mayApply()
      runAll(engine, commands)
    },
    async transaction(commands) {
      await mayApply()
      runAll(engine, commands.map((args) => ({ args })))
    },
    commandBytes(name, ...args) { return engine.command(wordsOf(name, args), asBytes) },
    async* scan({ match }) {
      let cursor = '0'
      do {
        const [next, keys] = engine.command(['SCAN', cursor, 'MATCH', match, 'COUNT', '1000'], asText) as [string, string[]]
        yield* keys
        cursor = next
        // Others of this thread get their turn.
        await new Promise(setImmediate)
      } while (cursor !== '0')
    },
    synced() { return engine.sync() },
    reopen() { return Promise.resolve() },
  }
}

/** Nothing waits here: it is one call. */
function runAll(engine: Engine, commands: readonly EngineCommand[]): void {
  for (const reply of run(engine, commands)) if (reply instanceof ReplyError) throw new TargetRefusedError(`${reply.code} ${reply.message}`)
}

function run(engine: Engine, commands: readonly EngineCommand[]): readonly unknown[] {
  try {
    return engine.transaction(commands) ?? []
  } catch (error) {
    const cause = error instanceof ReplyError && error.cause instanceof ReplyError ? error.cause : error
    if (!(cause instanceof ReplyError)) throw cause
    const message = `${cause.code} ${cause.message}`
    throw PASSING.has(cause.code) ? new TargetLostError(message, { cause }) : new TargetRefusedError(message, { cause })
  }
}
