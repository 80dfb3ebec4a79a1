/** The engine of this process: the promises are settled when they are made. */
import { type Engine, type EngineCommand, type StoreError, type WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'

export class EngineBackend implements Backend {
  /** @param end  closes the store that the engine belongs to */
  constructor(
    private readonly engine: Engine,
    private readonly end: { close(): Promise<void>; destroy(reason: Error): void },
  ) {}

  get closed(): boolean { return this.engine.closed }

  run({ args, bulk }: EngineCommand): Promise<unknown> {
    return promised(() => this.engine.command<unknown>(args, bulk))
  }

  runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    return promised(() => this.engine.commands(commands))
  }

  transaction(commands: readonly EngineCommand[]): Promise<unknown[]> {
    return promised(() => this.engine.transaction(commands) ?? [])
  }

  wait({ args, bulk }: EngineCommand, options: WaitOptions): Promise<unknown> {
    return this.engine.wait<unknown>(args, options, bulk)
  }

  parts(): Promise<readonly Backend[]> { return Promise.resolve([this]) }

  nearCache(): null { return null }

  close(): Promise<void> { return this.end.close() }

  destroy(reason: StoreError): void { this.end.destroy(reason) }
}

/** What is thrown is a rejection. */
async function promised<T>(work: () => T | Promise<T>): Promise<T> { return await work() }
