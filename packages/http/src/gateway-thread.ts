/**
 * GatewayThread: a gateway on a worker thread of its own, as the server has it: neither the control plane nor
 * the application is held up by requests, nor the other way round. Tokens come from a file, which is looked at now and
 * then: a token that is taken out of it ends within seconds. Elsewhere: the thread's own side (gateway-worker.ts).
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { GatewayLimits } from './gateway-options.js'

export interface GatewayThreadOptions {
  readonly engineNames: readonly string[]
  /** As for `bind`. */
  readonly hosts: readonly string[]
  readonly port: number
  /** A token without limits; '' for none. */
  readonly token: string
  /** Absolute; '' for none. */
  readonly tokenFile: string
  readonly limits: Partial<GatewayLimits>
}

export type ToGateway = { readonly type: 'stop' }
export type FromGateway =
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly type: 'ready'; readonly port: number }
  /** It could not start. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

export type GatewayLine = { level: 'info' | 'warn' | 'error'; message: string }

export class GatewayThread {
  private constructor(private readonly worker: Worker, readonly port: number) {}

  /**
   * @returns when requests are answered
   * @throws {Error} with the system's `code` if it cannot listen, or OPEN for bad tokens
   */
  static async start(options: GatewayThreadOptions, onLog: (line: GatewayLine) => void): Promise<GatewayThread> {
    const worker = new Worker(new URL('gateway-worker.js', import.meta.url), {
      name: 'slotwise-http', workerData: options, execArgv: [],
    })
    const port = await new Promise<number>((resolve, reject) => {
      worker.on('message', (message: FromGateway) => {
        switch (message.type) {
          case 'log': return onLog({ level: message.level, message: message.message })
          case 'ready': return resolve(message.port)
          case 'failed': return reject(Object.assign(new Error(message.message), { code: message.code }))
        }
      })
      worker.on('error', (error) => {
        onLog({ level: 'error', message: `The HTTP gateway has failed: ${error.stack ?? error.message}` })
        reject(error)
      })
      worker.on('exit', () => reject(new Error('the HTTP gateway ended')))
    })
    return new GatewayThread(worker, port)
  }

  /** Answers what is under way, then ends. */
  async stop(): Promise<void> {
    if (this.worker.threadId === -1) return // it has failed
    const exited = once(this.worker, 'exit')
    this.worker.postMessage({ type: 'stop' } satisfies ToGateway)
    await exited
  }
}
