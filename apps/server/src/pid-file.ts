/** The pid file: written when the server runs in the background or when `pidfile` asks for it, gone when it ends. */
import { rmSync, writeFileSync } from 'node:fs'
import type { ServerConfig } from '@slotwise/config'

const backgroundDefault = '/var/run/slotwise.pid'

/** @returns the path, or '' for none */
export function pidFileOf(config: ServerConfig): string {
  return config.get('pidfile') || (config.bool('daemonize') ? backgroundDefault : '')
}

/** @returns what is wrong, or null. No reason not to serve. */
export function writePidFile(path: string): string | null {
  if (path === '') return null
  try {
    writeFileSync(path, `${process.pid}\n`)
    return null
  } catch (error) {
    return `Failed to write PID file: ${(error as Error).message}`
  }
}

export function removePidFile(path: string): void {
  if (path !== '') rmSync(path, { force: true })
}
