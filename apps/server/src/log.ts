/**
 * The log: pino; for people on a terminal, one JSON object a line anywhere else. Written synchronously: there are few
 * lines, and the last one before the end of the process matters most.
 */
import { appendFileSync } from 'node:fs'
import { pino, type DestinationStream, type Logger } from 'pino'

export type { Logger } from 'pino'

/** Redis's levels in pino's words. */
const levels: Record<string, string> = { debug: 'trace', verbose: 'debug', notice: 'info', warning: 'warn' }

/** `loglevel` as pino's level. */
export const pinoLevel = (loglevel: string): string => levels[loglevel] ?? 'info'

/**
 * @param where.level  `loglevel` of the configuration
 * @param where.file  absolute; '' for standard output
 */
export async function openLog(where: { level: string; file: string }): Promise<Logger> {
  const options = {
    level: pinoLevel(where.level),
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (where.file !== '') return pino(options, fileStream(where.file))
  return pino(options, process.stdout.isTTY ? await terminal() : pino.destination({ dest: 1, sync: true }))
}

/** Opened for each line, as Redis does: a file that was rotated away or removed is simply made again. */
function fileStream(file: string): DestinationStream {
  return {
    write(line) {
      try {
        appendFileSync(file, line)
      } catch {
        // A full disk must not stop the server, and there is nowhere to say it.
      }
    },
  }
}

/** Loaded only by who has a terminal: it takes a tenth of a start. */
async function terminal(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  return pretty({
    destination: 1, sync: true, colorize: process.env.NO_COLOR === undefined,
    translateTime: 'SYS:dd mmm yyyy HH:MM:ss.l', ignore: 'hostname',
  })
}
