/**
 * FOLLOW, STOP FOLLOWER and FOLLOWER, from words to what is meant. Pure.
 * Elsewhere: doing it (follow-driver.ts), syntax (native/tables/commands/slotwise.json).
 */

import { isStreamPosition, SNAPSHOT } from '@slotwise/binlog/log'

export interface FollowDefinition {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Where it begins: FILE:POSITION, REPLICATION-ID:OFFSET, an offset, '0', '$', '@SECONDS', or SNAPSHOT. */
  readonly from: string
  /** Patterns; none: all keys. */
  readonly keys: readonly string[]
  readonly running: boolean
  /** The two follow each other, and of each key the last write wins. */
  readonly isPair: boolean
}

export type FollowRequest =
  | { readonly type: 'follow'; readonly definition: FollowDefinition }
  /** Without a name: all of them. */
  | { readonly type: 'stop' | 'start' | 'status'; readonly name: string | null }
  | { readonly type: 'forget'; readonly name: string }
  | { readonly type: 'help' }
  | { readonly type: 'error'; readonly message: string }

const error = (message: string): FollowRequest => ({ type: 'error', message })
const SYNTAX = error('ERR syntax error')
const isName = (text: string): boolean => /^[\w.-]{1,64}$/.test(text)
const BAD_NAME = error('ERR Invalid name of a follower: up to 64 letters, digits, \'.\', \'_\', \'-\'')

export function parseFollowRequest(words: readonly string[]): FollowRequest {
  const [command = '', ...args] = words
  switch (command.toLowerCase()) {
    case 'follow': return parseFollow(args)
    case 'stop': {
      const [what = '', name, ...rest] = args
      if (what.toLowerCase() !== 'follower' || rest.length > 0) return SYNTAX
      return named('stop', name)
    }
    default: {
      const [action = '', name, ...rest] = args
      if (rest.length > 0) return SYNTAX
      switch (action.toLowerCase()) {
        case 'status': return named('status', name)
        case 'start': return named('start', name)
        case 'forget':
          if (name === undefined) return SYNTAX
          return isName(name) ? { type: 'forget', name } : BAD_NAME
        case 'help': return { type: 'help' }
        default: return error(`ERR unknown subcommand '${action.slice(0, 128)}'. Try FOLLOWER HELP.`)
      }
    }
  }
}

const named = (type: 'stop' | 'start' | 'status', name: string | undefined): FollowRequest =>
  name === undefined ? { type, name: null } : isName(name) ? { type, name } : BAD_NAME

function parseFollow([name = '', host = '', portText = '', ...options]: readonly string[]): FollowRequest {
  if (!isName(name)) return BAD_NAME
  const port = Number(portText)
  if (host === '' || !/^\d{1,5}$/.test(portText) || port < 1 || port > 65535) return error('ERR Invalid host or port of the source')
  let file = ''
  let position = ''
  let keys: readonly string[] = []
  let snapshot = false
  let isPair = false
  for (let i = 0; i < options.length; i++) {
    const word = options[i]!.toLowerCase()
    const value = options[i + 1]
    if (value === undefined) return SYNTAX
    if (word === 'keys') {
      keys = options.slice(i + 1)
      break
    }
    if (word === 'file') file = value
    else if (word === 'pos') position = value
    else if (word === 'origin') {
      if (!isStreamPosition(value)) return error('ERR Invalid origin, it is REPLICATION-ID:OFFSET')
      position = value
    } else if (word === 'snapshot' && /^(yes|no)$/i.test(value)) snapshot = value.toLowerCase() === 'yes'
    else if (word === 'conflicts' && /^last-write$/i.test(value)) isPair = true
    else return SYNTAX
    i++
  }
  if (isPair) {
    // It finds out by itself what the other has, and it has to be all keys.
    if (snapshot || file !== '' || position !== '' || keys.length > 0) return SYNTAX
    return { type: 'follow', definition: { name, host, port, from: SNAPSHOT, keys, running: true, isPair } }
  }
  if (snapshot) {
    // A copy says itself where it is.
    if (file !== '' || position !== '') return SYNTAX
    return { type: 'follow', definition: { name, host, port, from: SNAPSHOT, keys, running: true, isPair } }
  }
  if (position === '') return SYNTAX
  if (file !== '' && !/^\d{1,16}$/.test(position)) return error('ERR Invalid position: with FILE it is a number of bytes')
  const from = file === '' ? position : `${file}:${position}`
  if (!/^(\$|0|@?\d{1,16}|[^\s:]{1,255}:\d{1,16})$/.test(from)) return error('ERR Invalid position, it is FILE:POSITION, REPLICATION-ID:OFFSET, an offset, 0, $ or @SECONDS')
  return { type: 'follow', definition: { name, host, port, from, keys, running: true, isPair } }
}

export const printDefinition = ({ host, port, from, keys, running, isPair }: FollowDefinition): string =>
  JSON.stringify({ host, port, from, keys, running, ...(isPair ? { conflicts: 'last-write' } : {}) })

/** null: it is none. */
export function parseDefinition(name: string, text: string): FollowDefinition | null {
  try {
    const found = JSON.parse(text) as Partial<FollowDefinition> & { conflicts?: unknown }
    const { host, port, from, keys, running, conflicts } = found
    const good = isName(name) && typeof host === 'string' && Number.isInteger(port) && typeof from === 'string' && Array.isArray(keys) &&
      keys.every((key) => typeof key === 'string') && typeof running === 'boolean' &&
      (conflicts === undefined || conflicts === 'last-write')
    return good ? { name, host, port: port!, from, keys, running, isPair: conflicts !== undefined } : null
  } catch {
    return null
  }
}

export const followerHelp = [
  'FOLLOWER <subcommand> [<arg>]. Subcommands are:',
  'STATUS [<name>]',
  '    What this server follows, how far it is, and what went wrong last.',
  'START [<name>]',
  '    Goes on where STOP FOLLOWER ended.',
  'FORGET <name>',
  '    Stops, and removes the position: nothing of the follower is left.',
  'HELP',
  '    Prints this help.',
]
