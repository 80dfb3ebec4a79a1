import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tempDir } from '@slotwise/testing'
import { ASCII_BIT } from './addon.js'
import { Engine } from './engine.js'
import { ListenError, LockedError, NotOpenError, OpenError, ReplyError, StoreClosedError } from './errors.js'

describe('an engine', () => {
  let engine: Engine
  beforeEach(async () => { engine = await Engine.open() })
  afterEach(() => engine.close())

  it('finds what was set, of any size, as text and as bytes', () => {
    for (const size of [0, 1, 63, 64, 65, 16 * 1024, 16 * 1024 + 1, 3_000_000]) {
      for (const character of ['a', 'é', '\0']) {
        const value = character.repeat(size)
        engine.set(`k${size}`, value)
        expect(engine.getText(`k${size}`)).toBe(value)
        expect(Buffer.from(engine.getBytes(`k${size}`)!).toString()).toBe(value)
      }
    }
  })

  it('finds a key however it crosses: short, long, of other letters, as bytes', () => {
    const keys = ['', 'k', '\0', '\x7f', '\x80', 'é', '\u0141', 'A', '😀', 'k{tag}', ...[255, 256, 257, 300].map((n) => 'x'.repeat(n)),
      `${'x'.repeat(255)}é`]
    for (const [i, key] of keys.entries()) engine.set(key, `value ${i}`)
    for (const [i, key] of keys.entries()) {
      for (const form of [key, Buffer.from(key)]) {
        expect(engine.getText(form)).toBe(`value ${i}`)
        expect(Buffer.from(engine.getBytes(form)!).toString()).toBe(`value ${i}`)
      }
    }
    for (const key of ['\ud800', 'x\udc00']) {
      expect(() => engine.getText(key)).toThrow(TypeError)
      expect(() => engine.getBytes(key)).toThrow(TypeError)
    }
    expect(engine.getText('none')).toBeNull()
  })

  it('tells whether a value is ASCII, disregarding a head', () => {
    engine.set('k', new Uint8Array([200, 97, 97]))
    expect(engine.get('k')).toBe(3)
    engine.setAsciiHead(1)
    expect(engine.get('k')).toBe(3 | ASCII_BIT)
    expect(engine.get('missing')).toBe(-1)
  })

  it('hands out bytes that no later call changes', () => {
    const expected = Array.from({ length: 3000 }, (_, index) => Buffer.from(`value ${index} `.repeat(index % 50)))
    expected.forEach((value, index) => engine.set(`k${index}`, value))
    const found = expected.map((_, index) => {
      engine.command(['ECHO', 'x'.repeat(index)])
      engine.getText(`k${index}`)
      return index % 3 === 0 ? engine.getManyBytes([`k${index}`, 'none'])[0] : engine.getBytes(`k${index}`)
    })
    expect(found.every((bytes, index) => expected[index]!.equals(bytes!))).toBe(true)
  })

  it('reads many in one call, misses and long ones and non-ASCII among them', () => {
    const values = Array.from({ length: 500 }, (_, index) => index % 7 === 0 ? null : (index % 5 === 0 ? 'é' : 'x').repeat(index * (index % 11)))
    values.forEach((value, index) => { if (value !== null) engine.set(`k${index}`, value) })
    const keys = values.map((_, index) => `k${index}`)
    expect(engine.getManyText(keys)).toEqual(values)
    expect(engine.getMany(keys, (page, start, end) => page.utf8Slice(start, end))).toEqual(values)
    expect(engine.getManyBytes(keys).map((bytes) => bytes && Buffer.from(bytes).toString())).toEqual(values)
    expect(engine.getManyText([])).toEqual([])
  })

  it('throws refusals, and gives those of a batch among the replies', () => {
    engine.set('text', 'x')
    expect(() => engine.command(['INCR', 'text'])).toThrow(new ReplyError('ERR value is not an integer or out of range'))
    expect(() => engine.command(['NOSUCH'])).toThrow(/unknown command/)
    expect(engine.commands([{ args: ['SET', 'a', '1'] }, { args: ['INCR', 'text'] }, { args: ['INCR', 'a'] }]))
      .toEqual(['OK', expect.any(ReplyError), 2])
  })

  it('runs a transaction whole or not at all', () => {
    expect(engine.transaction([{ args: ['INCR', 'n'] }, { args: ['GET', 'n'] }])).toEqual([1, '1'])
    expect(() => engine.transaction([{ args: ['INCR', 'n'] }, { args: ['NOSUCH'] }])).toThrow(expect.objectContaining({
      code: 'EXECABORT', cause: expect.objectContaining({ message: expect.stringContaining('unknown command') }),
    }))
    engine.command(['WATCH', 'n'])
    engine.command(['INCR', 'n'])
    expect(engine.transaction([{ args: ['INCR', 'n'] }])).toBeNull()
    expect(engine.getText('n')).toBe('2')
  })

  it('works in the database that was selected', () => {
    expect(() => engine.select(16)).toThrow(RangeError)
    expect(() => engine.select(-1)).toThrow(RangeError)
    engine.select(3)
    engine.set('here', '1')
    engine.select(0)
    expect(engine.getText('here')).toBeNull()
  })

  it('refuses everything once it is closed, and closes once', async () => {
    await engine.close()
    await engine.close()
    for (const use of [
      () => engine.get('k'), () => engine.getText('k'), () => engine.getBytes('k'), () => engine.getManyText(['k']),
      () => engine.set('k', 'v'), () => engine.command(['PING']), () => engine.commands([{ args: ['PING'] }]), () => engine.stats(),
    ]) expect(use).toThrow(StoreClosedError)
    await expect(engine.sync()).rejects.toThrow(StoreClosedError)
    await expect(engine.listen()).rejects.toThrow(StoreClosedError)
  })

  it('delivers messages as the parts of the push, and log lines with their level', async () => {
    const messages: string[][] = []
    let arrived = (): void => undefined
    const delivered = new Promise<void>((resolve) => { arrived = resolve })
    const listener = await Engine.open({
      onMessage: (parts) => {
        messages.push(parts.map((part) => Buffer.from(part).toString()))
        arrived()
      },
    })
    listener.command(['SUBSCRIBE', 'news'])
    expect(listener.command(['PUBLISH', 'news', 'é'])).toBe(1)
    await delivered
    expect(messages).toEqual([['message', 'news', 'é']])
    await listener.close()
  })
})

describe('opening', () => {
  it('finds an engine by any of its names, and shares it until the last has left', async () => {
    const first = await Engine.open({ names: ['one', 'two'] })
    const second = await Engine.open({ names: ['two', 'three'] })
    const third = await Engine.open({ names: ['three'], attachOnly: true })
    first.set('k', 'v')
    await first.close()
    expect(third.getText('k')).toBe('v')
    await second.close()
    await third.close()
    await expect(Engine.open({ names: ['one'], attachOnly: true })).rejects.toThrow(NotOpenError)
  })

  it('keeps private engines apart', async () => {
    const [first, second] = await Promise.all([Engine.open(), Engine.open()])
    first.set('k', 'v')
    expect(second.getText('k')).toBeNull()
    await Promise.all([first.close(), second.close()])
  })

  it('loads what was written, and lets only one engine have the folder', async () => {
    await using dir = tempDir()
    const options = { directives: [['dir', dir.path], ['appendonly', 'yes']], persistent: true }
    const first = await Engine.open(options)
    first.set('k', 'v')
    await expect(Engine.open(options)).rejects.toThrow(expect.objectContaining({ code: 'LOCKED', pid: process.pid }))
    await expect(Engine.open(options)).rejects.toThrow(LockedError)
    await first.close()
    const second = await Engine.open(options)
    expect(second.getText('k')).toBe('v')
    await second.close()
  })

  it('names the directive that it does not take', async () => {
    await expect(Engine.open({ directives: [['maxmemory', 'lots']] })).rejects.toThrow(/maxmemory/)
    await expect(Engine.open({ directives: [['nonsense', '1']] })).rejects.toThrow(OpenError)
    await expect(Engine.open({ directives: [['dir', '/nonexistent'], ['appendonly', 'yes']], persistent: true })).rejects.toThrow(OpenError)
  })

  it('listens once, and says why if it cannot', async () => {
    const first = await Engine.open()
    const second = await Engine.open()
    const bind = ['bind', '127.0.0.1']
    const port = await first.listen({ anyPort: true, directives: [['port', '0'], bind] })
    expect(port).toBeGreaterThan(0)
    await expect(first.listen({ anyPort: true })).rejects.toThrow(ListenError)
    await expect(second.listen({ directives: [['port', String(port)], bind] })).rejects.toThrow(/in use/)
    await Promise.all([first.close(), second.close()])
  })
})
