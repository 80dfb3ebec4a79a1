/** A source by its URL: `mysql://user:password@host:port`; `mariadb://` means the same. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from './connection.js'

export interface SourceUrlSettings {
  /** Instead of one in the URL. */
  password?: string | undefined
  tls: 'off' | 'preferred' | 'required'
  /** Certificates to trust. */
  caFile?: string | undefined
}

/** @throws {TypeError} without the password in its message; what the file system says */
export function parseSource(text: string, { password, tls, caFile }: SourceUrlSettings): ConnectionOptions {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // Its own error would show the whole text.
    throw new TypeError('the source is no URL: expected mysql://user@host:port')
  }
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') throw new TypeError(`the source is ${url.protocol}//, which is unknown: expected mysql://user@host:port`)
  if (url.username === '' || url.hostname === '') throw new TypeError('the source has no user or no host: expected mysql://user@host:port')
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') throw new TypeError('the source: nothing may follow the host and port; tables are in the mapping')
  const ca = caFile === undefined ? {} : { tlsOptions: { ca: readFileSync(caFile), rejectUnauthorized: true } }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 3306 : Number(url.port), user: decodeURIComponent(url.username),
    password: password ?? decodeURIComponent(url.password), tls, ...ca,
  }
}
