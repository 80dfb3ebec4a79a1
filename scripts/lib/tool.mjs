/** Runs a program in the foreground, on this terminal, and ends with its exit code: the last act of a script. */
import { spawn } from 'node:child_process'
import { root } from './repository.mjs'

export async function become(program, args, { env, cwd = root } = {}) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' })
  // Ctrl-C reaches the child through the terminal; this process only waits for it.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? 1))
  })
  process.exit(code)
}
