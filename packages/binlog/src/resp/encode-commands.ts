/**
 * Commands as a client sends them: RESP arrays of bulk strings. Replies: resp-decoder.ts.
 * Source: the RESP protocol specification.
 */
/** Text is gathered and encoded in one piece: a call a word would cost four times as much. */
export function encodeCommands(commands: readonly (readonly (string | Uint8Array)[])[]): Buffer {
  const parts: Uint8Array[] = []
  let text = ''
  for (const command of commands) {
    text += `*${command.length}\r\n`
    for (const word of command) {
      if (typeof word === 'string') text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`
      else {
        parts.push(Buffer.from(`${text}$${word.length}\r\n`), word)
        text = '\r\n'
      }
    }
  }
  const last = Buffer.from(text)
  return parts.length === 0 ? last : Buffer.concat([...parts, last])
}
