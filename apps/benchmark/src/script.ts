/**
 * Script: a compiled script of a scenario as a process of its own, pinned as servers or the load are, that answers what
 * it is asked over Node's channel between processes: one answer a question, in order. An answer with `error` throws.
 * Elsewhere: the script's side is `serve(answer)` in the scenario's own file, since scenarios import nothing of ours.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { adopt, pinTo } from './server-process.js'
import type { RunningScript } from './scenario.js'

export class Script implements RunningScript {
  readonly #waiting: { resolve: (answer: never) => void; reject: (error: Error) => void }[] = []
  #errors = ''
  #ended: string | null = null

  private constructor(private readonly child: ChildProcess) {
    child.stderr?.on('data', (chunk: Buffer) => { this.#errors += chunk.toString() })
    child.on('message', (answer: { error?: string }) => {
      const first = this.#waiting.shift()
      if (answer.error === undefined) first?.resolve(answer as never)
      else first?.reject(new Error(answer.error))
    })
    child.once('error', (error) => this.#end(error.message))
    child.once('exit', (code, signal) => this.#end(`it ended with ${String(code ?? signal)}`))
  }

  static start(path: string, args: readonly string[], cores?: string): Script {
    const [program, ...rest] = [...pinTo(cores), process.execPath, '--no-warnings', path, ...args]
    return new Script(adopt(spawn(program!, rest, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })))
  }

  get pid(): number { return this.child.pid ?? 0 }

  ask<T>(question: object): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== null) return reject(new Error(this.#ended))
      this.#waiting.push({ resolve, reject })
      this.child.send(question)
    })
  }

  pause(): void { this.child.kill('SIGSTOP') }
  resume(): void { this.child.kill('SIGCONT') }

  async stop(): Promise<void> {
    if (this.#ended !== null) return
    const exited = new Promise((resolve) => this.child.once('exit', resolve))
    this.resume()
    this.child.kill('SIGKILL')
    await exited
  }

  #end(why: string): void {
    this.#ended ??= `${why}: ${this.#errors.trim()}`
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(this.#ended))
  }
}
