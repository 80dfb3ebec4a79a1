/** supervised: tells systemd when the server serves and stops. Node has no Unix datagrams; systemd-notify has. */
import { spawn } from 'node:child_process'
import type { Logger } from './log.js'

/**
 * @param supervised  the directive: 'systemd' and 'auto' notify where systemd asks for it
 * @param state  as sd_notify(3) takes it
 */
export function notifySystemd(supervised: string, state: string, log: Logger): void {
  if (process.env.NOTIFY_SOCKET === undefined) {
    if (supervised === 'systemd') log.warn('systemd supervision requested, but NOTIFY_SOCKET not found')
    return
  }
  if (supervised !== 'systemd' && supervised !== 'auto') return
  spawn('systemd-notify', [`--pid=${process.pid}`, state], { stdio: 'ignore' })
    .on('error', (error) => log.warn(`systemd was not told ${state}: ${error.message}`))
}
