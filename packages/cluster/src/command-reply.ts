/** What a CLUSTER command answers, as plain data; whoever has the connection turns it into RESP. */
export type CommandReply =
  | { type: 'status'; text: string }
  /** With its code: `ERR Unknown node x`. */
  | { type: 'error'; text: string }

export const OK: CommandReply = { type: 'status', text: 'OK' }

/** Thrown inside the commands only: refusals change nothing, so the shortest way out is the right one. */
export class CommandRefusal extends Error {}

export function refuse(text: string): never {
  throw new CommandRefusal(`ERR ${text}`)
}
