/**
 * Channels as events: `/subscribe/CHANNEL` and `/psubscribe/PATTERN`, in Upstash's words: `subscribe,CHANNEL,1`, then
 * `message,CHANNEL,TEXT` (`pmessage,PATTERN,CHANNEL,TEXT`). A client that does not read is cut off rather than kept in
 * memory. Source: Upstash's REST API documentation.
 */
import type { StreamAnswer } from './answer.js'
import type { Channels } from './channels.js'
import { event, streamAnswer, type StreamLife } from './event-stream.js'

const UNREAD_MAX = 1024 * 1024

export interface ChannelStreamOptions extends StreamLife {
  readonly names: readonly string[]
  readonly isPattern: boolean
}

export function channelStream(channels: Channels, options: ChannelStreamOptions): StreamAnswer {
  const { names, isPattern } = options
  return streamAnswer(options, (sink) => {
    let leave: (() => void) | null = null
    let isOver = false
    const send = (text: string): void => {
      if (sink.write(text) > UNREAD_MAX) sink.end()
    }
    channels.listen(names, isPattern, ({ pattern, channel, text }) => {
      send(event(pattern === null ? `message,${channel},${text}` : `pmessage,${pattern},${channel},${text}`))
    }).then((stop) => {
      if (isOver) return stop()
      leave = stop
      for (const [i, name] of names.entries()) send(event(`${isPattern ? 'psubscribe' : 'subscribe'},${name},${i + 1}`))
    }, () => sink.end())
    return () => {
      isOver = true
      leave?.()
    }
  })
}
