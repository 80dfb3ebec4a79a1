/**
 * The library and the server, once through, under whatever Node runs this. No test runner: it has to work where none
 * does. Ends with 0, or with the first assertion that failed.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { freePort } from './free-port.mjs'
import { inRoot, serverBin } from './repository.mjs'

const built = inRoot('packages', 'store', 'dist', 'index.js')
const entry = pathToFileURL(built).href
const dir = mkdtempSync(join(tmpdir(), 'slotwise-smoke-'))

async function library() {
  const { open } = await import(entry)
  if (process.features.require_module === true) assert.equal(createRequire(import.meta.url)(built).open, open)
  const store = await open({ dir: join(dir, 'library') })
  for (const value of ['text', 'é', 5, { a: [1, new Date(0)] }, Uint8Array.of(0, 255), 2n ** 60n, null]) {
    store.set('k', value)
    assert.deepEqual(store.get('k'), value)
  }
  store.setMany({ a: 1, b: 'x'.repeat(100_000) })
  assert.deepEqual(store.getMany(['a', 'none', 'b']), [1, null, 'x'.repeat(100_000)])
  store.hSet('h', { f: { v: 1 } })
  assert.deepEqual({ ...store.hGetAll('h') }, { f: { v: 1 } })
  store.zAdd('z', { m: 1.5 })
  assert.deepEqual(store.zPopMin('z'), ['m', 1.5])
  const waiting = store.blPop('l', { timeoutMs: 120_000 })
  const worker = new Worker(`import(${JSON.stringify(entry)}).then(async ({ open }) => {
    const store = await open({ dir: ${JSON.stringify(join(dir, 'library'))}, attachOnly: true })
    store.rPush('l', 'from a worker')
    await store.close()
  })`, { eval: true })
  assert.deepEqual(await waiting, { key: 'l', element: 'from a worker' })
  await new Promise((resolve) => worker.once('exit', resolve))
  const { port } = await store.listen({ port: 0 })
  assert.equal(await ask(port, 'STRLEN b'), ':100005')
  await store.synced()
  await store.close()
  const again = await open({ dir: join(dir, 'library') })
  assert.equal(again.get('a'), 1)
  await again.close()
}

async function server() {
  const port = await freePort()
  const child = spawn(process.execPath, [serverBin, '--port', String(port), '--dir', dir, '--save', ''], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  try {
    let answer
    for (let attempt = 0; answer !== '+OK'; attempt++) {
      assert.ok(attempt < 200 && child.exitCode === null, 'the server does not answer')
      answer = await ask(port, 'SET k v').catch(() => new Promise((resolve) => setTimeout(resolve, 50)))
    }
    assert.equal(await ask(port, 'STRLEN k'), ':1')
    child.kill('SIGTERM')
    assert.equal(await ended, 0)
  } finally {
    child.kill('SIGKILL')
  }
}

/** The first line of the answer to an inline command. */
function ask(port, command) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().split('\r\n')[0])
    })
    socket.once('error', reject)
  })
}

try {
  await library()
  await server()
  console.log(`Node ${process.versions.node}: passed`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
