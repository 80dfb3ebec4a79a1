/** The gateway's own description, OpenAPI 3.1: what `/openapi.json` shows. */
const text = (description: string): object => ({ description, content: { 'text/plain': { schema: { type: 'string' } } } })
const json = (description: string, schema: string): object =>
  ({ description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } })

const ERRORS = {
  400: json('The request says no command, or the command was refused; `error` is Redis\'s sentence', 'Error'),
  401: json('The token is missing, wrong or over', 'Error'),
  403: json('The gateway has no tokens, and this is no program of its machine', 'Error'),
  413: json('The body is too long; nothing of it was read', 'Error'),
  503: json('The server ends, or could not make the promise that its configuration asks for', 'Error'),
}
const HEADERS = [
  { name: 'Upstash-Encoding', in: 'header', schema: { enum: ['base64'] }, description: 'Strings of the result in base64, but for OK' },
  { name: 'Upstash-Response-Format', in: 'header', schema: { enum: ['json', 'resp2'] }, description: 'resp2: the reply as Redis sends it' },
  { name: 'upstash-sync-token', in: 'header', schema: { type: 'string' }, description: 'A position: a replica answers once it has applied it' },
]
const body = (schema: string): object => ({ required: true, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } })

export function openApiDocument(version: string): object {
  const command = (summary: string, operationId: string, more: object = {}): object =>
    ({ summary, operationId, parameters: HEADERS, responses: { 200: json('The reply', 'Result'), ...ERRORS }, ...more })
  const path = {
    name: 'command', in: 'path', required: true, schema: { type: 'string' },
    description: 'A command and its arguments, each behind a slash and percent-encoded; query parameters follow as further arguments',
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Slotwise', version, description: 'Redis commands over HTTP, in the REST dialect of Upstash.' },
    security: [{ bearer: [] }, { query: [] }],
    paths: {
      '/': { post: command('Run one command', 'command', { requestBody: body('Command') }) },
      '/pipeline': { post: command('Run commands one after another', 'pipeline', { requestBody: body('Commands'), responses: { 200: json('A reply each', 'Results'), ...ERRORS } }) },
      '/multi-exec': { post: command('Run commands as one transaction', 'multiExec', { requestBody: body('Commands'), responses: { 200: json('A reply each', 'Results'), ...ERRORS } }) },
      '/{command}': {
        parameters: [path],
        get: command('Run the command in the path', 'pathCommand'),
        post: command('Run the command in the path; the body is one more argument', 'pathCommandWithBody', {
          requestBody: { required: false, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
        }),
      },
      '/subscribe/{channel}': {
        parameters: [{ name: 'channel', in: 'path', required: true, schema: { type: 'string' } }],
        get: { summary: 'What is published to a channel, as server-sent events', operationId: 'subscribe', responses: { 200: text('Events'), ...ERRORS } },
      },
      '/psubscribe/{pattern}': {
        parameters: [{ name: 'pattern', in: 'path', required: true, schema: { type: 'string' } }],
        get: { summary: 'What is published to channels that match, as server-sent events', operationId: 'patternSubscribe', responses: { 200: text('Events'), ...ERRORS } },
      },
      '/ws': {
        get: { summary: 'A WebSocket: commands as JSON messages, and what is published to what they subscribe to', operationId: 'webSocket', responses: { 101: { description: 'It is one now' }, ...ERRORS } },
      },
      '/changes': {
        parameters: [
          { name: 'from', in: 'query', schema: { type: 'string' }, description: 'A position of the log; the end, if none is given. Last-Event-ID counts more' },
          { name: 'prefix', in: 'query', schema: { type: 'array', items: { type: 'string' } }, description: 'Only keys that begin so' },
        ],
        get: { summary: 'What changes, a transaction an event, as server-sent events', operationId: 'changes', responses: { 200: text('Events'), ...ERRORS } },
      },
      '/livez': { get: { summary: 'The process runs', operationId: 'live', security: [], responses: { 200: text('It does') } } },
      '/readyz': { get: { summary: 'Requests are answered', operationId: 'ready', security: [], responses: { 200: text('They are'), 503: text('Why not') } } },
      '/metrics': { get: { summary: 'Metrics for Prometheus', operationId: 'metrics', responses: { 200: text('The metrics'), 401: ERRORS[401] } } },
      '/openapi.json': { get: { summary: 'This document', operationId: 'openApi', security: [], responses: { 200: { description: 'OpenAPI 3.1' } } } },
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, query: { type: 'apiKey', in: 'query', name: '_token' } },
      schemas: {
        Command: { type: 'array', minItems: 1, items: { type: ['string', 'number', 'boolean'] }, examples: [['SET', 'key', 'value', 'EX', 60]] },
        Commands: { type: 'array', minItems: 1, items: { $ref: '#/components/schemas/Command' } },
        Result: { type: 'object', required: ['result'], properties: { result: { description: 'null, an integer, a string, or an array of these' } } },
        Error: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
        Results: { type: 'array', items: { anyOf: [{ $ref: '#/components/schemas/Result' }, { $ref: '#/components/schemas/Error' }] } },
      },
    },
  }
}
