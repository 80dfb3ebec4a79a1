/** What can go wrong between here and a server. */
import { StoreError } from '@slotwise/engine'

/**
 * A server cannot be reached, or the connection ended before the reply: then a command may have run or not. Reading is
 * safe to repeat; who writes must know whether the write may happen twice.
 */
export class ConnectionError extends StoreError {
  override readonly name = 'ConnectionError'
  readonly code = 'CONNECTION'
  /** False: it was not sent, for certain. */
  readonly mayHaveRun: boolean

  constructor(message: string, options: ErrorOptions & { mayHaveRun?: boolean } = {}) {
    super(message, options)
    this.mayHaveRun = options.mayHaveRun ?? true
  }
}
