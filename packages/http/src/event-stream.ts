/**
 * Event streams: `/subscribe/CHANNEL` and `/psubscribe/PATTERN` as server-sent events, in Upstash's words: `subscribe,
 * CHANNEL,1`, then `message,CHANNEL,TEXT` (`pmessage,PATTERN,CHANNEL,TEXT`). A client that does not read is cut off
 * rather than kept in memory; a comment now and then shows proxies that the stream lives, and ends one whose token has.
 * Source: HTML Living Standard, server-sent events; Upstash's REST API documentation.
 */
import type { StreamAnswer } from './answer.js'
import type { Channels } from './channels.js'

const KEEP_ALIVE_MS = 15_000
const UNREAD_MAX = 1024 * 1024

export interface StreamOptions {
  readonly names: readonly string[]
  readonly isPattern: boolean
  /** Whether whoever listens still may. */
  readonly mayGoOn: () => boolean
  /** It has begun; calling `end` ends it. */
  readonly onStart: (end: () => void) => void
  readonly onEnd: (end: () => void) => void
}

export function eventStream(
  channels: Channels, { names, isPattern, mayGoOn, onStart, onEnd }: StreamOptions,
): StreamAnswer {
  return {
    status: 200,
    type: 'text/event-stream',
    start(sink) {
      let stop: (() => void) | null = null
      let isOver = false
      const over = (): void => {
        if (isOver) return
        isOver = true
        clearInterval(keepAlive)
        stop?.()
        onEnd(end)
      }
      const end = (): void => {
        over()
        sink.end()
      }
      const send = (text: string): void => {
        if (!isOver && sink.write(text) > UNREAD_MAX) end()
      }
      const keepAlive = setInterval(() => {
        if (mayGoOn()) send(': keep-alive\n\n')
        else end()
      }, KEEP_ALIVE_MS)
      keepAlive.unref()
      onStart(end)
      channels.listen(names, isPattern, ({ pattern, channel, text }) => {
        send(event(pattern === null ? `message,${channel},${text}` : `pmessage,${pattern},${channel},${text}`))
      }).then((leave) => {
        stop = leave
        if (isOver) return leave()
        for (const [i, name] of names.entries()) send(event(`${isPattern ? 'psubscribe' : 'subscribe'},${name},${i + 1}`))
      }, end)
      return over
    },
  }
}

/** Each line of the data is a line of the event. */
export const event = (data: string): string => `${data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join('')}\n`
