/**
 * MYSQLSOURCE, from words to what is meant. Pure, and loads nothing of MySQL: it is asked whether or not there is a
 * source. Elsewhere: doing it (mysql-source.ts), syntax (native/tables/commands/slotwise.json).
 */
import type { ControlRequest } from '@slotwise/engine'
import type { RespValue } from '../cluster/resp-writer.js'

export type MysqlRequest =
  | { readonly type: 'start' | 'stop' | 'pause' | 'resume' | 'snapshot' | 'status' | 'help' }
  | { readonly type: 'skip'; readonly count: number }
  | { readonly type: 'error'; readonly message: string }

export const isMysqlRequest = ({ args: [name] }: ControlRequest): boolean => /^mysqlsource$/i.test(Buffer.from(name ?? []).toString())

export const NO_SOURCE: RespValue = { error: 'ERR There is no MySQL source: mysql-source names the file of one' }

const error = (message: string): MysqlRequest => ({ type: 'error', message })
const COUNT_MAX = 1_000_000

export function parseMysqlRequest([, action = '', ...rest]: readonly string[]): MysqlRequest {
  const type = action.toLowerCase()
  switch (type) {
    case 'start': case 'stop': case 'pause': case 'resume': case 'snapshot': case 'status': case 'help':
      return rest.length > 0 ? error('ERR syntax error') : { type }
    case 'skip': {
      const [text = '1', ...more] = rest
      if (more.length > 0) return error('ERR syntax error')
      const count = Number(text)
      if (!/^\d{1,7}$/.test(text) || count < 1 || count > COUNT_MAX) return error('ERR value is not an integer or out of range')
      return { type, count }
    }
    default: return error(`ERR unknown subcommand '${action.slice(0, 128)}'. Try MYSQLSOURCE HELP.`)
  }
}

export const mysqlHelp = [
  'MYSQLSOURCE <subcommand> [<arg>]. Subcommands are:',
  'STATUS',
  '    Where the follower of the MySQL source is, and what went wrong last.',
  'START',
  '    Goes on where the data is, by the mapping as its file says now.',
  'STOP',
  '    Ends following, also over the next start of the server.',
  'PAUSE',
  '    Applies nothing until RESUME; the position stays.',
  'RESUME',
  '    Goes on after PAUSE.',
  'SKIP [<count>]',
  '    Passes the next transactions without applying them, after STOP or a failure.',
  'SNAPSHOT',
  '    Deletes the keys of all mapped tables, copies their rows again and follows from there.',
  'HELP',
  '    Prints this help.',
]
