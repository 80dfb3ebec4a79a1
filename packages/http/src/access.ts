/**
 * Access: may this request come in at all, and as whom? Decided from its head, before a byte of its body is read.
 * With tokens: by the bearer token, or `_token` in the query; every refusal reads the same. Without: programs of this
 * machine only, as Redis's protected mode has it, and no web page, whoever's browser shows it: pages can send requests
 * to this machine, so what only browsers send (Origin, Sec-Fetch-Site) or only a rebound name has (Host) is refused.
 * Source: RFC 6750; Fetch Metadata Request Headers; Redis's protected mode.
 */
import { isIP } from 'node:net'
import { type Answer, errorAnswer } from './answer.js'
import { percentDecoded } from './percent-decoding.js'
import { OPEN, type Scope, type Tokens } from './tokens.js'

export interface RequestHead {
  readonly method: string
  /** The target as it came. */
  readonly url: string
  readonly remoteAddress: string
  /** Of a header by its name in lower case; of one that came several times the first, or all joined by commas. */
  header(name: string): string | undefined
}

const UNAUTHORIZED = errorAnswer(401, 'Unauthorized', ['www-authenticate', 'Bearer'])

/** The scope of whoever sent the head, or the refusal. */
export function scopeOf(
  head: RequestHead, query: string, tokens: Tokens | null, protectedMode: boolean, nowMs: number,
): Scope | Answer {
  if (tokens === null) return openRefusal(head, protectedMode) ?? OPEN
  const token = tokenOf(head, query)
  return (token === null ? null : tokens.find(token, nowMs)) ?? UNAUTHORIZED
}

function tokenOf(head: RequestHead, query: string): string | null {
  const authorization = head.header('authorization')
  if (authorization !== undefined) {
    return authorization.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : null
  }
  if (!query.includes('_token=')) return null
  for (const pair of query.split('&')) {
    if (!pair.startsWith('_token=')) continue
    const token = percentDecoded(pair.slice(7), true)
    return typeof token === 'string' ? token : null
  }
  return null
}

function openRefusal(head: RequestHead, protectedMode: boolean): Answer | null {
  if (protectedMode && !isLoopback(head.remoteAddress)) {
    return errorAnswer(403, 'DENIED This gateway has no tokens and answers programs of its own machine only. Give it tokens (http-token-file), or turn protected-mode off.')
  }
  const site = head.header('sec-fetch-site')
  const fromPage = head.header('origin') !== undefined || (site !== undefined && site !== 'none')
  if (fromPage || (protectedMode && !isOwnHost(head.header('host')))) {
    return errorAnswer(403, 'DENIED This gateway has no tokens and answers no web pages. Give it tokens (http-token-file).')
  }
  return null
}

const isLoopback = (address: string): boolean => /^(::ffff:)?127\.|^::1$|^$/.test(address)

/** An address or localhost: a name may be a stranger's, which leads here. */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return true // HTTP/1.0: no browser
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0
}
