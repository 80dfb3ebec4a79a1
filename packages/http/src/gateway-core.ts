/**
 * GatewayCore: what a request is answered, from its head and body alone; no socket. First `admit`, from the head: may
 * it come in, and what does it ask for; then `answer`, with its body. Commands run on this thread, one request at a
 * time and a pipeline in pieces, so that no request takes more memory than its limits say.
 * Nothing about a failure of ours goes to a client: it is logged, and answered as "internal error".
 * Source: Upstash's REST API documentation. Elsewhere: which bytes are a request (wire/, node-handler.ts), what may run
 * (command-rules.ts), when an answer may leave (acknowledgement.ts).
 */
import { type Engine, LogError, OtherHistoryError, type Page, ReplyError, StoreClosedError } from '@slotwise/engine'
import { type RequestHead, scopeOf } from './access.js'
import { Acknowledgement, NotAcknowledgedError } from './acknowledgement.js'
import { type Answer, errorAnswer, jsonAnswer, type StreamAnswer } from './answer.js'
import { changeStream, startOf } from './change-stream.js'
import { channelStream } from './channel-stream.js'
import { type Channels, CHANNELS_MAX } from './channels.js'
import { channelRefusal, refusalOf, ruleFor } from './command-rules.js'
import type { EngineSession } from './engine-session.js'
import type { StreamLife } from './event-stream.js'
import type { GatewayLimits, GatewayLogger } from './gateway-options.js'
import { Metrics } from './metrics.js'
import { infoOf, NodeFacts } from './node-facts.js'
import { openApiDocument } from './openapi.js'
import { errorJson, ReplyJson } from './reply-json.js'
import { BadRequest, bodyCommand, bodyCommands, type CommandArgs, pathCommand } from './request-commands.js'
import type { Scope, Tokens } from './tokens.js'

type Route =
  | 'path' | 'body' | 'pipeline' | 'multi-exec' | 'live' | 'ready' | 'metrics' | 'openapi' | 'subscribe' | 'changes'
  | 'websocket'

/** A request that may come in. */
export interface Admitted {
  readonly route: Route
  readonly path: string
  readonly query: string
  readonly scope: Scope | null
  readonly base64: boolean
  readonly resp2: boolean
  /** As the client sent it, '' too; undefined if it did not ask for one. */
  readonly syncToken: string | undefined
  /** Of one that comes back to a stream of changes. */
  readonly lastEventId?: string | undefined
}

export interface CoreParts {
  session: EngineSession
  channels: Channels
  limits: GatewayLimits
  logger: GatewayLogger
  nowMs: () => number
  version: string
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT'])
const PUBLIC = new Map<string, Route>([['/livez', 'live'], ['/readyz', 'ready'], ['/openapi.json', 'openapi']])
const BODY_ROUTES = new Map<string, Route>([['/', 'body'], ['/pipeline', 'pipeline'], ['/multi-exec', 'multi-exec']])
/** So many commands of a pipeline run in one crossing. */
const PIECE = 128
const CLOSING = errorAnswer(503, 'ERR the server is not available: it ends, or begins again')
const CHANGES_QUERY = new Set(['from', 'prefix', '_token'])
const STREAM_PATH = /^\/p?subscribe\//
const TEXT = 'text/plain; charset=utf-8'
const POSITION = /^[0-9a-f]{40}:\d{1,16}$/

export class GatewayCore {
  readonly metrics: Metrics = new Metrics()
  readonly #session: EngineSession
  readonly #channels: Channels
  /** Ends of the event streams that there are. */
  readonly #streams = new Set<() => void>()
  readonly #limits: GatewayLimits
  readonly #logger: GatewayLogger
  readonly #nowMs: () => number
  readonly #facts = new NodeFacts()
  readonly #acknowledgement: Acknowledgement
  readonly #openApi: string
  #tokens: Tokens | null = null
  #closing = false

  constructor(parts: CoreParts) {
    this.#session = parts.session
    this.#channels = parts.channels
    this.#limits = parts.limits
    this.#logger = parts.logger
    this.#nowMs = parts.nowMs
    this.#openApi = JSON.stringify(openApiDocument(parts.version))
    this.#acknowledgement = new Acknowledgement(() => {
      if (parts.session.engine === null) throw new StoreClosedError()
      return parts.session.engine
    }, this.#facts)
  }

  /** Null: none are asked for. Streams end: whoever may comes back. */
  setTokens(tokens: Tokens | null): void {
    this.#tokens = tokens
    this.endStreams()
  }

  endStreams(): void {
    for (const end of this.#streams) end()
  }

  /** Every request is told to go elsewhere from now on. */
  close(): void {
    this.#closing = true
    this.endStreams()
  }

  /** Whether whoever was let in some time ago still would be. */
  mayGoOn({ scope }: Admitted): boolean { return scope !== null && this.#nowMs() < scope.expiresAtMs }

  /** A command of whoever was let in, by itself. Never rejects, never throws. */
  command(who: Admitted, args: CommandArgs): Answer | Promise<Answer> {
    return this.#guarded(() => this.#commands({ ...who, route: 'body' }, args))
  }

  /** Never throws. */
  admit(head: RequestHead): Admitted | Answer {
    try {
      return this.#admit(head)
    } catch (error) {
      return this.#failure(error)
    }
  }

  #admit(head: RequestHead): Admitted | Answer {
    const { method, url } = head
    if (!METHODS.has(method)) return errorAnswer(405, 'Method Not Allowed', ['allow', 'GET, HEAD, POST, PUT'])
    if (!url.startsWith('/')) return errorAnswer(400, 'ERR Protocol error: expected a path')
    const question = url.indexOf('?')
    const path = question < 0 ? url : url.slice(0, question)
    const query = question < 0 ? '' : url.slice(question + 1)
    const open = PUBLIC.get(path)
    if (open !== undefined) {
      return { route: open, path, query, scope: null, base64: false, resp2: false, syncToken: undefined }
    }
    const engine = this.#session.engine
    if (engine === null || this.#closing) return CLOSING
    this.#facts.refresh(engine, performance.now())
    const scope = scopeOf(head, query, this.#tokens, this.#facts.protectedMode, this.#nowMs())
    if ('status' in scope) return scope
    const hasBody = method === 'POST' || method === 'PUT'
    const route = path === '/metrics' ? 'metrics' : path === '/ws' ? 'websocket'
      : path === '/changes' ? 'changes' : STREAM_PATH.test(path) ? 'subscribe' : BODY_ROUTES.get(path) ?? 'path'
    const isStream = route === 'subscribe' || route === 'changes'
    if (method === 'HEAD' && isStream) return errorAnswer(405, 'Method Not Allowed', ['allow', 'GET, POST'])
    if (!hasBody && BODY_ROUTES.has(path)) return errorAnswer(405, 'Method Not Allowed', ['allow', 'POST, PUT'])
    const encoding = head.header('upstash-encoding')
    const format = head.header('upstash-response-format')
    if (encoding !== undefined && encoding !== 'base64') return errorAnswer(400, 'ERR invalid Upstash-Encoding: expected base64')
    if (format !== undefined && format !== 'json' && format !== 'resp2') {
      return errorAnswer(400, 'ERR invalid Upstash-Response-Format: expected json or resp2')
    }
    const resp2 = format === 'resp2'
    if (resp2 && encoding !== undefined) return errorAnswer(400, 'ERR Upstash-Encoding is not for Upstash-Response-Format resp2')
    if (resp2 && route === 'multi-exec') return errorAnswer(400, 'ERR Upstash-Response-Format resp2 is not for /multi-exec')
    const syncToken = head.header('upstash-sync-token')
    const admitted = { route, path, query, scope, base64: encoding !== undefined, resp2, syncToken } satisfies Admitted
    return route === 'changes' ? { ...admitted, lastEventId: head.header('last-event-id') } : admitted
  }

  /** Never rejects, never throws. */
  answer(request: Admitted, body: Buffer | null): Answer | StreamAnswer | Promise<Answer> {
    if (request.route === 'subscribe') return this.#stream(request, (life) => this.#subscribe(request, life))
    if (request.route === 'changes') return this.#stream(request, (life) => this.#changes(request, life))
    return this.#guarded(() => this.#route(request, body))
  }

  #guarded(run: () => Answer | Promise<Answer>): Answer | Promise<Answer> {
    try {
      const answer = run()
      return answer instanceof Promise ? answer.catch((error: unknown) => this.#failure(error)) : answer
    } catch (error) {
      return this.#failure(error)
    }
  }

  #route(request: Admitted, body: Buffer | null): Answer | Promise<Answer> {
    switch (request.route) {
      case 'live': return { status: 200, type: TEXT, body: 'ok\n' }
      case 'ready': return this.#ready()
      case 'openapi': return jsonAnswer(200, this.#openApi)
      case 'metrics': return this.#metrics(request)
      case 'path': return this.#commands(request, pathCommand(request.path.slice(1), request.query, body))
      case 'body': return this.#commands(request, bodyCommand(body))
      case 'pipeline': case 'multi-exec': return this.#commands(request, bodyCommands(body))
      case 'websocket': return errorAnswer(426, 'ERR this path is for WebSockets', ['upgrade', 'websocket'])
      case 'subscribe': case 'changes': throw new Error('a stream is no answer')
    }
  }

  #stream(request: Admitted, open: (life: StreamLife) => Answer | StreamAnswer): Answer | StreamAnswer {
    if (this.#streams.size >= this.#limits.streamsMax) return errorAnswer(503, 'ERR too many streams', ['retry-after', '1'])
    try {
      return open({
        mayGoOn: () => this.mayGoOn(request),
        onStart: (end) => this.#streams.add(end),
        onEnd: (end) => this.#streams.delete(end),
      })
    } catch (error) {
      return error instanceof ReplyError ? errorAnswer(400, `${error.code} ${error.message}`) : this.#failure(error)
    }
  }

  #subscribe(request: Admitted, life: StreamLife): Answer | StreamAnswer {
    const words = pathCommand(request.path.slice(1), '', null)
    if (words instanceof BadRequest) return errorAnswer(400, words.error)
    const [kind, ...names] = words
    if (names.length > CHANNELS_MAX) return errorAnswer(400, `ERR more than ${CHANNELS_MAX} channels`)
    for (const name of names) {
      if (typeof name !== 'string') return errorAnswer(400, 'ERR Protocol error: a channel is UTF-8 text')
      const refusal = channelRefusal(name, request.scope!)
      if (refusal !== null) return errorAnswer(400, refusal)
    }
    return channelStream(this.#channels, { names: names as string[], isPattern: kind === 'psubscribe', ...life })
  }

  #changes({ query, lastEventId, scope, base64 }: Admitted, life: StreamLife): Answer | StreamAnswer {
    const engine = this.#session.engine
    if (engine === null) return CLOSING
    const asked = new URLSearchParams(query)
    for (const name of asked.keys()) {
      if (!CHANGES_QUERY.has(name)) return errorAnswer(400, 'ERR Protocol error: /changes takes from and prefix')
    }
    const prefixes = asked.getAll('prefix')
    if (prefixes.length > CHANNELS_MAX) return errorAnswer(400, `ERR more than ${CHANNELS_MAX} prefixes`)
    const from = startOf(engine, lastEventId ?? asked.get('from') ?? '$')
    return changeStream(engine, {
      from, prefixes, base64, keyPrefix: scope!.keyPrefix, db: this.#session.db,
      bytesMax: this.#limits.replyBytesMax, ...life,
    })
  }

  #commands(request: Admitted, commands: CommandArgs | readonly CommandArgs[] | BadRequest): Answer | Promise<Answer> {
    if (commands instanceof BadRequest) return errorAnswer(400, commands.error)
    const { syncToken } = request
    if (this.#facts.replica && syncToken !== undefined && POSITION.test(syncToken)) {
      return this.#afterPosition(syncToken, () => this.#run(request, commands))
    }
    return this.#run(request, commands)
  }

  #run(request: Admitted, commands: CommandArgs | readonly CommandArgs[]): Answer | Promise<Answer> {
    const engine = this.#session.engine
    if (engine === null) return CLOSING
    const answer = request.route === 'pipeline' ? this.#pipeline(engine, request, commands as readonly CommandArgs[])
      : request.route === 'multi-exec' ? this.#transaction(engine, request, commands as readonly CommandArgs[])
        : this.#one(engine, request, commands as CommandArgs)
    const stamped = request.syncToken !== undefined && this.#facts.replicates ? withPosition(engine, answer) : answer
    const due = this.#acknowledgement.due()
    return due === null ? stamped : due.then(() => stamped)
  }

  #one(engine: Engine, request: Admitted, args: CommandArgs): Answer {
    const refusal = this.#refusal(request, args)
    if (refusal !== null) return request.resp2 ? resp2Answer(400, errorFrame(refusal)) : errorAnswer(400, refusal)
    const end = engine.replies([args])
    const { result: page, at } = engine
    const { replyBytesMax } = this.#limits
    if (end - at > replyBytesMax) return errorAnswer(400, `ERR the reply has ${end - at} bytes, the limit is ${replyBytesMax}`)
    if (request.resp2) return resp2Answer(page[at] === 0x2d ? 400 : 200, copyOf(page, at, end))
    const json = new ReplyJson(page, at, request.base64)
    const body = json.next()
    return jsonAnswer(json.failed ? 400 : 200, body)
  }

  #pipeline(engine: Engine, request: Admitted, commands: readonly CommandArgs[]): Answer {
    const items: (string | Buffer)[] = []
    const failed = (message: string): string | Buffer => request.resp2 ? errorFrame(message) : errorJson(message)
    let left = this.#limits.replyBytesMax
    for (let first = 0; first < commands.length; first += PIECE) {
      const piece = commands.slice(first, first + PIECE)
      if (left < 0) {
        for (const _ of piece) items.push(failed('ERR not run: the replies before it are over the limit'))
        continue
      }
      const refusals = piece.map((args) => this.#refusal(request, args))
      const allowed = piece.filter((_, i) => refusals[i] === null)
      const end = engine.replies(allowed)
      const { result: page, at } = engine
      left -= end - at
      if (left < 0) {
        for (const refusal of refusals) items.push(failed(refusal ?? 'ERR run, but the replies are over the limit'))
      } else if (request.resp2) {
        // Refusals are rare: frames are taken apart only for them.
        if (allowed.length === piece.length) items.push(copyOf(page, at, end))
        else this.#frames(page, at, refusals, items)
      } else {
        const json = new ReplyJson(page, at, request.base64)
        for (const refusal of refusals) items.push(refusal === null ? json.next() : errorJson(refusal))
      }
    }
    if (request.resp2) return resp2Answer(200, Buffer.concat(items as Buffer[]))
    return jsonAnswer(200, `[${items.join(',')}]`)
  }

  #frames(page: Page, at: number, refusals: readonly (string | null)[], items: (string | Buffer)[]): void {
    const json = new ReplyJson(page, at, false)
    for (const refusal of refusals) {
      if (refusal !== null) {
        items.push(errorFrame(refusal))
        continue
      }
      const start = json.position
      json.next()
      items.push(copyOf(page, start, json.position))
    }
  }

  #transaction(engine: Engine, request: Admitted, commands: readonly CommandArgs[]): Answer {
    for (const args of commands) {
      const refusal = this.#refusal(request, args)
      if (refusal !== null) return errorAnswer(400, `EXECABORT Transaction discarded because of: ${refusal}`)
    }
    const end = engine.replies([['MULTI'], ...commands, ['EXEC']])
    const { result: page, at } = engine
    const json = new ReplyJson(page, at, request.base64)
    let firstError: string | null = null
    for (let i = 0; i <= commands.length; i++) {
      const text = json.status()
      if (json.failed) firstError ??= text
    }
    const count = json.enterArray()
    if (typeof count !== 'number') {
      const text = count === null ? 'EXECABORT Transaction discarded' : json.status()
      return errorAnswer(400, firstError === null ? text : `EXECABORT Transaction discarded because of: ${firstError}`)
    }
    const { replyBytesMax } = this.#limits
    if (end - at > replyBytesMax) return errorAnswer(400, `ERR the transaction has run, but its replies have ${end - at} bytes, the limit is ${replyBytesMax}`)
    let body = '['
    for (let i = 0; i < count; i++) body += i === 0 ? json.next() : `,${json.next()}`
    return jsonAnswer(200, `${body}]`)
  }

  #refusal(request: Admitted, args: CommandArgs): string | null {
    const { rules, keysOf } = this.#session
    return refusalOf(ruleFor(rules, args), args, request.scope!, keysOf)
  }

  /** A replica answers once it has what the client has seen elsewhere. */
  async #afterPosition(position: string, then: () => Answer | Promise<Answer>): Promise<Answer> {
    try {
      await this.#session.engine?.wait(['SLOTWISE.WAITFOR', position, '0'], { timeoutMs: this.#limits.syncTimeoutMs })
    } catch (error) {
      // What is no part of this history can never be seen here: the client gets a token of this one.
      if (!(error instanceof OtherHistoryError)) {
        if (error instanceof ReplyError) return errorAnswer(503, `${error.code} ${error.message}`)
        throw error
      }
    }
    return then()
  }

  #ready(): Answer {
    const problem = this.#problem()
    return { status: problem === null ? 200 : 503, type: TEXT, body: `${problem ?? 'ok'}\n` }
  }

  #problem(): string | null {
    const { engine, cluster } = this.#session
    if (engine === null || this.#closing) return 'closing'
    const info = infoOf(engine, 'persistence') + infoOf(engine, 'replication')
    if (/^loading:1/m.test(info)) return 'loading'
    if (/^aof_last_write_status:(?!ok)/m.test(info)) return 'the append-only file cannot be written'
    if (/^master_sync_in_progress:1/m.test(info)) return 'copying from the primary'
    if (cluster && !/^cluster_state:ok/m.test(String(engine.command(['CLUSTER', 'INFO'])))) return 'the cluster is down'
    return null
  }

  async #metrics(request: Admitted): Promise<Answer> {
    const { engine } = this.#session
    if (engine === null) return CLOSING
    if (request.scope!.keyPrefix !== null) return errorAnswer(403, 'NOPERM this token has no permissions to read the metrics')
    const { type, body } = await this.metrics.page(engine)
    return { status: 200, type, body }
  }

  #failure(error: unknown): Answer {
    if (error instanceof StoreClosedError) return CLOSING
    if (error instanceof LogError || error instanceof NotAcknowledgedError) return errorAnswer(503, `MISCONF ${error.message}`)
    this.#logger.error(`a request failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
    this.#session.renew()
    return errorAnswer(500, 'ERR internal error')
  }
}

const resp2Answer = (status: number, body: Buffer): Answer => ({ status, type: 'application/octet-stream', body })
const errorFrame = (message: string): Buffer => Buffer.from(`-${message.replace(/[\r\n]+/g, ' ')}\r\n`)
const copyOf = (page: Page, start: number, end: number): Buffer => Buffer.from(page.subarray(start, end))

/** With the position of what this server has written and seen, if it is in a history. */
function withPosition(engine: Engine, answer: Answer): Answer {
  try {
    const position = String(engine.command(['SLOTWISE.POSITION']))
    return { ...answer, headers: [...answer.headers ?? [], 'upstash-sync-token', position] }
  } catch (error) {
    if (error instanceof ReplyError) return answer
    throw error
  }
}
