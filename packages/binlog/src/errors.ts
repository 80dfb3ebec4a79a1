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

/** The mapping does not fit the tables of the source. The message has a line for everything that is wrong. */
export class MappingError extends BinlogError {
  override readonly name = 'MappingError'
  readonly code = 'MAPPING'
}

/** Something announces more memory than the configured limit. Nothing was allocated for it. */
export class TooLargeError extends BinlogError {
  override readonly name = 'TooLargeError'
  readonly code = 'TOOLARGE'
}

/**
 * The store cannot be reached, or another server may have taken its place: what was written last may be there or not.
 * Following begins anew where the store says it is.
 */
export class TargetLostError extends BinlogError {
  override readonly name = 'TargetLostError'
  readonly code = 'TARGETLOST'
}

/** The store refuses a command for good: rights, a key of another type. `message` is its own text. */
export class TargetRefusedError extends BinlogError {
  override readonly name = 'TargetRefusedError'
  readonly code = 'TARGETREFUSED'
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

/** The server closed the connection, or the network did. */
export class ConnectionLostError extends BinlogError {
  override readonly name = 'ConnectionLostError'
  readonly code = 'CONNECTIONLOST'
}
