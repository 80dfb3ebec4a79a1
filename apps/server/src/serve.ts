/**
 * The life of a server process: configuration, background, log, node, signals, end. This thread only supervises; the
 * node runs on its own (see @slotwise/node).
 * Exit codes: 0 after a clean stop (the log is synced); 1 if it could not start or stop cleanly, or was told twice.
 */
import { resolve } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { ConfigError, loadConfig, nodeFiles, parseCommandLine, type ServerConfig } from '@slotwise/config'
import { product, usage, version, versionLine } from './product.js'
import { goToBackground, isInBackground } from './daemon.js'
import { EarlyStart } from './early-start.js'

/** @param thread  for the node; ends with the process if there is to be none */
export async function serve(args: readonly string[], thread: Worker): Promise<void> {
  const { action } = parseCommandLine(args)
  if (action === 'version') return void process.stdout.write(`${versionLine}\n`)
  if (action === 'help') return void process.stdout.write(usage)
  let stdin = ''
  let config: ServerConfig
  try {
    const readStdin = (): ReturnType<typeof nodeFiles.readStdin> => {
      const outcome = nodeFiles.readStdin()
      if ('value' in outcome) stdin = outcome.value
      return outcome
    }
    config = loadConfig({ args, env: process.env, files: { ...nodeFiles, readStdin } })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(error.report(product))
    process.exitCode = 1
    return
  }
  if (action === 'check') {
    for (const warning of config.warnings) process.stdout.write(`warning: ${warning}\n`)
    process.stdout.write('The configuration is good.\n')
    return
  }
  if (config.bool('daemonize') && !isInBackground()) {
    void thread.terminate() // the other process has its own
    process.exitCode = await goToBackground(args, stdin)
    return
  }
  // Everything relative is relative to the data directory from here on, as in Redis.
  process.chdir(resolve(config.get('dir')))
  const logfile = config.get('logfile')
  const listens = config.int('port') !== 0 || config.get('unixsocket') !== ''
  const start = listens ? new EarlyStart(config, thread) : null
  // Loading goes on while these are imported.
  const [{ openLog }, { Supervisor }] = await Promise.all([import('./log.js'), import('./supervisor.js')])
  const log = await openLog({ level: config.get('loglevel'), file: logfile === '' ? '' : resolve(logfile) })
  await new Supervisor(config, version, log, start).run()
}
