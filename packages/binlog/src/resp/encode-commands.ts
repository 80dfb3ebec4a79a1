/**
 * Commands as a client sends them: RESP arrays of bulk strings. Replies: resp-decoder.ts.
 * Text is gathered and encoded in one piece: a call a word would cost four times as much. As long as it is ASCII it
 * has as many bytes as characters, and whether it is shows in the size of the piece; so nothing is counted first.
 * Source: the RESP protocol specification.
 */
type Commands = readonly (readonly (string | Uint8Array)[])[]

export function encodeCommands(commands: Commands): Buffer {
  return encode(commands, (word) => word.length) ?? encode(commands, (word) => Buffer.byteLength(word))!
}

/** null: some word has not the size that `sizeOf` says. */
function encode(commands: Commands, sizeOf: (word: string) => number): Buffer | null {
  const parts: Uint8Array[] = []
  let text = ''
  /** Of `text`. */
  let size = 0
  for (const command of commands) {
    const head = `*${command.length}\r\n`
    text += head
    size += head.length
    for (const word of command) {
      const wordSize = typeof word === 'string' ? sizeOf(word) : word.length
      const lengthLine = `$${wordSize}\r\n`
      size += lengthLine.length
      if (typeof word === 'string') {
        text += lengthLine + word + '\r\n'
        size += wordSize + 2
        continue
      }
      const piece = Buffer.from(text + lengthLine)
      if (piece.length !== size) return null
      parts.push(piece, word)
      text = '\r\n'
      size = text.length
    }
  }
  const last = Buffer.from(text)
  if (last.length !== size) return null
  return parts.length === 0 ? last : Buffer.concat([...parts, last])
}
