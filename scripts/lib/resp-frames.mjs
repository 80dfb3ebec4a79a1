/** Just enough RESP to cut a stream of replies into frames, and an AOF into commands. */
const CR = 13

const lineEnd = (buffer, at) => {
  const end = buffer.indexOf(CR, at)
  return end === -1 || end + 1 >= buffer.length ? -1 : end
}

/** Where the frame that begins at `at` ends, or -1 if it is not complete. */
export function frameEnd(buffer, at) {
  if (at >= buffer.length) return -1
  const end = lineEnd(buffer, at)
  if (end === -1) return -1
  const kind = String.fromCharCode(buffer[at])
  const count = Number(buffer.toString('latin1', at + 1, end))
  let next = end + 2
  if (kind === '$' || kind === '=' || kind === '!') {
    if (count < 0) return next
    return next + count + 2 <= buffer.length ? next + count + 2 : -1
  }
  const children = kind === '%' ? count * 2 : '*~>'.includes(kind) ? count : 0
  for (let i = 0; i < children; ++i) {
    next = frameEnd(buffer, next)
    if (next === -1) return -1
  }
  return next
}

/** A command as a client sends it. */
export function encodeCommand(args) {
  const parts = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(arg, 'latin1')
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/**
 * The frame that begins at `at`, which is complete, as a value: 'text' with its kind in front ('+OK', ':1', '-ERR x',
 * '$abc'), null, or an array of values. A map is the array of its keys and values.
 */
export function decodeFrame(buffer, at = 0) {
  const [value] = decodeAt(buffer, at)
  return value
}

function decodeAt(buffer, at) {
  const end = lineEnd(buffer, at)
  const kind = String.fromCharCode(buffer[at])
  const line = buffer.toString('latin1', at + 1, end)
  const next = end + 2
  if (kind === '_' || (line === '-1' && '$*'.includes(kind))) return [null, next]
  if (kind === '$' || kind === '=' || kind === '!') {
    const size = Number(line)
    return [kind + buffer.toString('latin1', next, next + size), next + size + 2]
  }
  if (!'*%~>'.includes(kind)) return [kind + line, next]
  const values = []
  let place = next
  for (let left = kind === '%' ? Number(line) * 2 : Number(line); left > 0; --left) {
    const [value, after] = decodeAt(buffer, place)
    values.push(value)
    place = after
  }
  return [values, place]
}

/** Every command of an AOF segment, as arrays of latin1 strings, one after another; annotations are skipped. */
export function* decodeCommands(buffer) {
  for (let at = 0; at < buffer.length;) {
    const end = lineEnd(buffer, at)
    if (buffer[at] === 35) { at = end + 2; continue } // '#': a timestamp
    const args = []
    const count = Number(buffer.toString('latin1', at + 1, end))
    at = end + 2
    for (let i = 0; i < count; ++i) {
      const headEnd = lineEnd(buffer, at)
      const size = Number(buffer.toString('latin1', at + 1, headEnd))
      args.push(buffer.toString('latin1', headEnd + 2, headEnd + 2 + size))
      at = headEnd + 2 + size + 2
    }
    yield args
  }
}
