/**
 * Child processes of the scripts: every child leads a process group of its own, so that a time limit or Ctrl-C ends
 * what it started too. Output goes line by line to a callback and, if asked, to a log file.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

const running = new Set()

/** Ends the process group of `child`. */
export function killGroup(child, signal = 'SIGTERM') {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Gone already.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const child of running) killGroup(child, 'SIGKILL')
    process.exit(130)
  })

/**
 * Runs a program without a shell and without input.
 * @param options.onLine  called with each line of stdout and stderr.
 * @param options.logFile  also written there.
 * @param options.timeoutMs  the group is killed after this long; the result then has `timedOut`.
 * @returns { code, output, timedOut }: never rejects; a program that cannot start has code 127.
 */
export function run(program, args, { cwd, env, onLine, logFile, timeoutMs } = {}) {
  return new Promise((resolve) => {
    let log
    if (logFile !== undefined) {
      mkdirSync(dirname(logFile), { recursive: true })
      log = createWriteStream(logFile)
      log.write(`$ ${[program, ...args].join(' ')}\n`)
    }
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    running.add(child)
    const chunks = []
    let rest = ''
    let timedOut = false
    const take = (chunk) => {
      chunks.push(chunk)
      log?.write(chunk)
      if (onLine === undefined) return
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop()
      for (const line of lines) onLine(line)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true
          killGroup(child, 'SIGKILL')
        }, timeoutMs)
    const finish = (code, message) => {
      clearTimeout(timer)
      running.delete(child)
      if (message !== undefined) take(Buffer.from(`${message}\n`))
      log?.end()
      resolve({ code, output: Buffer.concat(chunks).toString(), timedOut })
    }
    child.on('error', (error) => finish(127, error.message))
    child.on('close', (code, signal) => {
      if (running.has(child)) finish(code ?? 1, signal === null ? undefined : `ended by ${signal}`)
    })
  })
}
