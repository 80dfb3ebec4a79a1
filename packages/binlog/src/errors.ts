/**
 * What a caller of this package may catch. Match on `code`: it survives versions, sentences may not. Bytes of a source
 * are never trusted, so what is wrong with them is one of these, never a RangeError of a buffer.
 */

/** Base of all of them. */
export abstract class BinlogError extends Error {
  abstract readonly code: string
}

/** The bytes are not what the format says: damaged, cut, or of a version that is unknown here. */
export class DecodeError extends BinlogError {
  override readonly name = 'DecodeError'
  readonly code = 'DECODE'
}

/** An event's CRC32 is not that of its bytes. */
export class ChecksumError extends BinlogError {
  override readonly name = 'ChecksumError'
  readonly code = 'CHECKSUM'
}

/** Well formed, but this follower cannot know or do what it would take. The message says what to change. */
export class UnsupportedError extends BinlogError {
  override readonly name = 'UnsupportedError'
  readonly code = 'UNSUPPORTED'
}

/** Something announces more memory than the configured limit. Nothing was allocated for it. */
export class TooLargeError extends BinlogError {
  override readonly name = 'TooLargeError'
  readonly code = 'TOOLARGE'
}

/** An ERR packet of the server, with its number and SQLSTATE. */
export class ServerError extends BinlogError {
  override readonly name = 'ServerError'
  readonly code = 'SERVER'
  constructor(readonly errno: number, readonly sqlState: string, message: string) { super(message) }
}

/** The server's part of the conversation breaks the protocol, or asks for what was not allowed (clear text, a key). */
export class HandshakeError extends BinlogError {
  override readonly name = 'HandshakeError'
  readonly code = 'HANDSHAKE'
}
