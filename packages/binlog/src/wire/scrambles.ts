/**
 * What a client answers to a nonce, for each authentication plugin that needs no dialogue. An empty password answers
 * nothing.
 */
import { constants, createHash, publicEncrypt } from 'node:crypto'
import { HandshakeError } from '../errors.js'

export const NONCE_BYTES = 20

/** mysql_native_password: SHA1(p) xor SHA1(nonce, SHA1(SHA1(p))) */
export function nativeScramble(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0)
  const once = digest('sha1', Buffer.from(password))
  return xor(once, digest('sha1', nonce, digest('sha1', once)))
}

/** caching_sha2_password, the fast path: SHA256(p) xor SHA256(SHA256(SHA256(p)), nonce) */
export function sha2Scramble(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0)
  const once = digest('sha256', Buffer.from(password))
  return xor(once, digest('sha256', digest('sha256', once), nonce))
}

/** The password and a NUL, xored with the nonce over and over: what is encrypted with the server's key. */
export function xorWithNonce(password: string, nonce: Buffer): Buffer {
  const bytes = Buffer.from(`${password}\0`)
  return Buffer.from(bytes.map((byte, i) => byte ^ nonce[i % nonce.length]!))
}

/** @throws {HandshakeError} if the key is none */
export function encryptPassword(password: string, nonce: Buffer, publicKeyPem: string): Buffer {
  try {
    const key = { key: publicKeyPem, padding: constants.RSA_PKCS1_OAEP_PADDING }
    return publicEncrypt(key, xorWithNonce(password, nonce))
  } catch (cause) {
    throw new HandshakeError('the password cannot be encrypted with the server\'s public key', { cause })
  }
}

function digest(algorithm: 'sha1' | 'sha256', ...parts: Buffer[]): Buffer {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ b[i]!))
