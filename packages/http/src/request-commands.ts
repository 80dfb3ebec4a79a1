/**
 * Request commands: which commands a request says. In the path (`/set/foo/bar?EX=100`, a body being the argument behind
 * the path's), or in the body as JSON: one command for `/`, a list of them for `/pipeline` and `/multi-exec`.
 * Each slash begins an argument, an empty one too. Nothing of a request is trusted: every shape but these is refused
 * with a sentence before anything runs. Source: Upstash's REST API documentation. Elsewhere: what the commands may do
 * (command-rules.ts).
 */
import type { Bytes } from '@slotwise/engine'
import { percentDecoded } from './percent-decoding.js'

export type CommandArgs = readonly Bytes[]
/** What is wrong with a request, as its error is told. */
export class BadRequest {
  constructor(readonly error: string) {}
}

/** As the engine's own limit of a request (proto-max-multibulk-len), for all commands of a request together. */
const ARGUMENTS_MAX = 1_048_576

/**
 * @param target  the path behind its first slash, as it came
 * @param query  what follows the `?`, as it came; `_token` is none of the arguments
 */
export function pathCommand(target: string, query: string, body: Buffer | null): CommandArgs | BadRequest {
  const args: Bytes[] = []
  for (const piece of target.split('/')) {
    const decoded = percentDecoded(piece)
    if (decoded === null) return new BadRequest('ERR Protocol error: invalid percent-encoding in the path')
    args.push(decoded)
  }
  if (args[0]!.length === 0) return new BadRequest('ERR empty command')
  if (body !== null && body.length > 0) args.push(body)
  if (query === '') return args
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = percentDecoded(equals < 0 ? pair : pair.slice(0, equals), true)
    const value = equals < 0 ? '' : percentDecoded(pair.slice(equals + 1), true)
    if (name === null || value === null) return new BadRequest('ERR Protocol error: invalid percent-encoding in the query')
    if (name === '_token') continue
    args.push(name)
    if (value.length > 0) args.push(value)
  }
  return args
}

/** The body of `POST /`. */
export function bodyCommand(body: Buffer | null): CommandArgs | BadRequest {
  const json = parse(body)
  return json instanceof BadRequest ? json : commandOf(json.value)
}

/** The body of `POST /pipeline` and `POST /multi-exec`. */
export function bodyCommands(body: Buffer | null): readonly CommandArgs[] | BadRequest {
  const json = parse(body)
  if (json instanceof BadRequest) return json
  if (!Array.isArray(json.value)) return new BadRequest('ERR Protocol error: expected a JSON array of commands')
  if (json.value.length === 0) return new BadRequest('ERR empty pipeline request')
  const commands: CommandArgs[] = []
  let total = 0
  for (const item of json.value as unknown[]) {
    const command = commandOf(item)
    if (command instanceof BadRequest) return command
    total += command.length
    if (total > ARGUMENTS_MAX) return new BadRequest(`ERR Protocol error: more than ${ARGUMENTS_MAX} arguments`)
    commands.push(command)
  }
  return commands
}

function parse(body: Buffer | null): { value: unknown } | BadRequest {
  if (body === null || body.length === 0) return new BadRequest('ERR Protocol error: expected a JSON array in the body')
  try {
    return { value: JSON.parse(body.toString()) as unknown }
  } catch {
    return new BadRequest('ERR Protocol error: the body is not valid JSON')
  }
}

/** A command as JSON has it. */
export function commandOf(json: unknown): CommandArgs | BadRequest {
  if (!Array.isArray(json)) return new BadRequest('ERR Protocol error: expected a command as a JSON array')
  if (json.length === 0) return new BadRequest('ERR empty command')
  if (json.length > ARGUMENTS_MAX) return new BadRequest(`ERR Protocol error: more than ${ARGUMENTS_MAX} arguments`)
  const args: string[] = []
  for (const item of json as unknown[]) {
    const argument = argumentOf(item)
    if (argument instanceof BadRequest) return argument
    args.push(argument)
  }
  if (args[0] === '') return new BadRequest('ERR empty command')
  return args
}

function argumentOf(item: unknown): string | BadRequest {
  if (typeof item === 'string') {
    if ((item as string & { isWellFormed(): boolean }).isWellFormed()) return item
    return new BadRequest('ERR Protocol error: a string has a lone surrogate, which is no character')
  }
  if (typeof item === 'number') {
    // JSON.parse has rounded it already: another number than was sent would be stored.
    if (!Number.isInteger(item) || Number.isSafeInteger(item)) return String(item)
    return new BadRequest('ERR Protocol error: a number is beyond 2^53: send it as a string')
  }
  if (typeof item === 'boolean') return String(item)
  return new BadRequest('ERR Protocol error: arguments are strings, numbers, true or false')
}
