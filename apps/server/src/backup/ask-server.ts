/**
 * AskServer: where a running server keeps its append-only files, from itself (CONFIG GET). Its answer is a path on its
 * own machine, so this is for a program that runs there too. A password comes from REDISCLI_AUTH, as for redis-cli.
 */
import { connect } from 'node:net'
import type { AofPlace } from '@slotwise/node'

const timeoutMs = 10_000
const answerMax = 1 << 20
const directives = ['dir', 'appenddirname', 'appendfilename', 'appendonly'] as const

type Reply = string | Error | readonly Reply[]

/** The reply that begins at `at`; null if more is to come. @throws {Error} if that is no reply */
export function parseReply(text: string, at: number): { reply: Reply; end: number } | null {
  const line = text.indexOf('\r\n', at)
  if (line < 0) return null
  const [kind, word, behind] = [text[at], text.slice(at + 1, line), line + 2]
  if (kind === '+' || kind === ':') return { reply: word, end: behind }
  if (kind === '-') return { reply: new Error(word), end: behind }
  const count = Number(word)
  if (!/^\d+$/.test(word) || count > answerMax || (kind !== '$' && kind !== '*')) throw new Error('it does not speak RESP')
  if (kind === '$') return text.length < behind + count + 2 ? null : { reply: text.slice(behind, behind + count), end: behind + count + 2 }
  const items: Reply[] = []
  let end = behind
  for (let index = 0; index < count; index++) {
    const item = parseReply(text, end)
    if (item === null) return null
    items.push(item.reply)
    end = item.end
  }
  return { reply: items, end }
}

const encode = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/** HOST:PORT, [ADDRESS]:PORT, or the path of a socket. */
function where(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('/')) return { path: address }
  const found = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})$/.exec(address)
  if (found === null) throw new Error(`'${address}' is no HOST:PORT`)
  const { six, host, port } = found.groups!
  return { host: six ?? host!, port: Number(port) }
}

function ask(address: string, commands: readonly (readonly string[])[]): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(where(address))
    const replies: Reply[] = []
    let [text, at] = ['', 0]
    const fail = (why: string): void => {
      socket.destroy()
      reject(new Error(`The server at ${address} was asked for its directory: ${why}`))
    }
    socket.setEncoding('latin1').setTimeout(timeoutMs, () => fail('it does not answer'))
    socket.on('error', ({ message }) => fail(message))
    socket.on('close', () => fail('it closed the connection'))
    socket.on('data', (piece: string) => {
      text += piece
      try {
        for (let next = parseReply(text, at); next !== null; next = parseReply(text, at)) {
          replies.push(next.reply)
          at = next.end
        }
      } catch (error) {
        return fail((error as Error).message)
      }
      if (text.length > answerMax) return fail('its answer is too long')
      if (replies.length < commands.length) return
      const refused = replies.find((reply) => reply instanceof Error)
      if (refused !== undefined) return fail(refused.message)
      resolve(replies)
      socket.destroy()
    })
    socket.write(commands.map(encode).join(''))
  })
}

/** @throws {Error} if it does not tell, or keeps no append-only file */
export async function placeOfServer(address: string, password = ''): Promise<AofPlace> {
  const authentication = password === '' ? [] : [['AUTH', password]]
  const replies = await ask(address, [...authentication, ...directives.map((name) => ['CONFIG', 'GET', name])])
  const values = new Map(replies.slice(authentication.length).map((reply) => {
    const [name, value] = reply as readonly Reply[]
    return [String(name), Buffer.from(String(value), 'latin1').toString()] as const
  }))
  const value = (name: typeof directives[number]): string => {
    const found = values.get(name)
    if (found === undefined) throw new Error(`The server at ${address} does not tell its ${name}`)
    return found
  }
  if (value('appendonly') !== 'yes') throw new Error(`The server at ${address} keeps no append-only file (appendonly no)`)
  return { dir: value('dir'), dirname: value('appenddirname'), filename: value('appendfilename') }
}
