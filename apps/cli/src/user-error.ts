/** A failure that the reader can act on: one sentence on stderr, no stack. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** The arguments make no sense. */
export class UsageError extends UserError {}
