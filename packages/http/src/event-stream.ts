/**
 * Event streams: what all answers that are server-sent events share. A comment now and then shows proxies that the
 * stream lives, and ends one whose token has. Source: HTML Living Standard, server-sent events.
 * Elsewhere: what is told (channel-stream.ts, change-stream.ts).
 */
import type { Writable } from 'node:stream'
import type { StreamAnswer, StreamSink } from './answer.js'

const KEEP_ALIVE_MS = 15_000

export interface StreamLife {
  /** Whether whoever listens still may. */
  readonly mayGoOn: () => boolean
  /** It has begun; calling `end` ends it. */
  readonly onStart: (end: () => void) => void
  readonly onEnd: (end: () => void) => void
}

/** @param begin  starts what tells something and returns what stops it; its sink takes nothing once it is over */
export function streamAnswer(
  { mayGoOn, onStart, onEnd }: StreamLife, begin: (sink: StreamSink) => () => void,
): StreamAnswer {
  return {
    status: 200,
    type: 'text/event-stream',
    start(socket) {
      let stop: (() => void) | null = null
      let isOver = false as boolean // whatever `begin` has done by the time it returns
      const over = (): void => {
        if (isOver) return
        isOver = true
        clearInterval(keepAlive)
        stop?.()
        onEnd(end)
      }
      const end = (): void => {
        over()
        socket.end()
      }
      const write = (text: string): number => isOver ? 0 : socket.write(text)
      const keepAlive = setInterval(() => {
        if (mayGoOn()) write(': keep-alive\n\n')
        else end()
      }, KEEP_ALIVE_MS)
      keepAlive.unref()
      onStart(end)
      const started = begin({ write, end, drained: () => socket.drained() })
      if (isOver) started()
      else stop = started
      return over
    },
  }
}

/** Each line of the data is a line of the event. */
export const event = (data: string): string => `${data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join('')}\n`

/** When what was written has been taken, or never will be. Only of one that has said that it is full. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
    if (stream.destroyed || !stream.writableNeedDrain) done()
  })
}
