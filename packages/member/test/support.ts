/** Members for tests: in this process and in others. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join as joinPath } from 'node:path'
import { freePorts, RespClient, tempDir, type TempDir, waitFor } from '@slotwise/testing'
import type { Logger } from 'slotwise'
import { expect } from 'vitest'
import { join, type JoinOptions, type Member } from '@slotwise/member'

export const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error
export const quick = { nodeTimeoutMs: 2000, commandTimeoutMs: 20_000 }

/** Twice as many free ports, in ascending order, so that the order of addresses is that of the list. */
export const ports = (count: number): Promise<number[]> => freePorts(count * 2)

/** Names of keys. */
export const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `key:${index}`)

export interface Together extends AsyncDisposable { readonly members: readonly Member[] }

/** So many members in this process, of which the first forms the cluster. */
export async function together(count: number, options: Partial<JoinOptions> = {}): Promise<Together> {
  const free = await ports(count)
  const dirs = free.slice(0, count).map(() => tempDir())
  const members = await Promise.all(dirs.map((dir, index) => join({
    dir: dir.path, port: free[index]!, busPort: free[count + index]!, ...quick,
    ...(index === 0 ? { members: count } : { seeds: [`127.0.0.1:${free[0]}`] }), ...options,
  })))
  return {
    members,
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member.close()))
      await Promise.all(dirs.map((dir) => dir.remove()))
    },
  }
}

/** Folders that go together. */
export function folders(): AsyncDisposable & { use(): string } {
  const made: TempDir[] = []
  return {
    use() {
      const dir = tempDir()
      made.push(dir)
      return dir.path
    },
    async [Symbol.asyncDispose]() { await Promise.all(made.map((dir) => dir.remove())) },
  }
}

/** What members say, for the message of an expectation that does not hold. */
export function listener(): { said: string[]; logger: Logger } {
  const said: string[] = []
  const say = (message: string): void => void said.push(message)
  return { said, logger: { error: say, warn: say, info: say } }
}

export interface Child {
  readonly pid: number
  said(line: string): Promise<void>
  tell(line: string): void
  kill(): Promise<void>
}

const live = new Set<ChildProcess>()
process.on('exit', () => { for (const child of live) child.kill('SIGKILL') })

/** A process that joins with `options`, says 'ready', and blocks its event loop for so many ms when told a number. */
export function child(options: JoinOptions): Child {
  const script = `
    import { join } from '@slotwise/member'
    const node = await join(${JSON.stringify(options)})
    console.log('ready')
    process.stdin.on('data', (text) => {
      const until = Date.now() + Number(text)
      while (Date.now() < until);
      console.log('free')
    })`
  const process_ = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    cwd: joinPath(import.meta.dirname, '..'), stdio: ['pipe', 'pipe', 'inherit'],
  })
  live.add(process_)
  let output = ''
  process_.stdout.on('data', (text: Buffer) => { output += text.toString() })
  // As long as joining may take.
  const timeoutMs = options.joinTimeoutMs ?? 60_000
  const ended = once(process_, 'exit').then(() => live.delete(process_))
  const said = (line: string): Promise<void> => new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(`it ended with ${process_.exitCode} before it said '${line}'`)))
    waitFor(() => output.includes(`${line}\n`), { timeoutMs, what: `'${line}' of a child` }).then(() => resolve(), reject)
  })
  return {
    pid: process_.pid!, said,
    tell: (line) => void process_.stdin.write(line),
    async kill() {
      process_.kill('SIGKILL')
      await ended
    },
  }
}

/** Whether the replica of the primary at `port` has all it has. */
export async function replicated(port: number): Promise<boolean> {
  await using client = await RespClient.connect({ port })
  const info = await client.command('INFO', 'replication') as string
  const [, primaryOffset] = /master_repl_offset:(\d+)/.exec(info) ?? []
  const [, replicaOffset] = /slave0:.*offset=(\d+)/.exec(info) ?? []
  return primaryOffset !== undefined && primaryOffset === replicaOffset
}

/** The suite closes what it opens; this one is for all. */
export function withoutClose(member: Member): Member {
  return new Proxy(member, {
    get: (target, name) => {
      if (name === 'close') return () => Promise.resolve()
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    },
  })
}
