import { describe, expect, it } from 'vitest'
import type { Page } from '@slotwise/engine'
import { ReplyJson } from './reply-json.js'

const reader = (resp: string | Buffer, base64 = false): ReplyJson =>
  new ReplyJson(Buffer.from(resp as string) as Page, 0, base64)

describe('replies as JSON', () => {
  it.each([
    ['+OK\r\n', '{"result":"OK"}'], ['$3\r\nbar\r\n', '{"result":"bar"}'], ['$-1\r\n', '{"result":null}'], ['*-1\r\n', '{"result":null}'],
    [':137\r\n', '{"result":137}'], [':-1\r\n', '{"result":-1}'], [':9223372036854775807\r\n', '{"result":9223372036854775807}'],
    ['*3\r\n$1\r\na\r\n$-1\r\n:2\r\n', '{"result":["a",null,2]}'], ['*0\r\n', '{"result":[]}'], ['*1\r\n*1\r\n$0\r\n\r\n', '{"result":[[""]]}'],
    ['-ERR no such "key"\r\n', '{"error":"ERR no such \\"key\\""}'], ['$4\r\na\r\n"\r\n', '{"result":"a\\r\\n\\""}'], ['$2\r\n\u0000\u001f\r\n', '{"result":"\\u0000\\u001f"}'],
  ])('%j', (resp, json) => {
    expect(reader(resp).next()).toBe(json)
    expect(() => JSON.parse(json) as unknown).not.toThrow()
  })

  it('replace what is no UTF-8, or keep it in base64', () => {
    const resp = Buffer.from([0x24, 0x32, 13, 10, 0xff, 0x41, 13, 10])
    expect(reader(resp).next()).toBe('{"result":"\ufffdA"}')
    expect(reader(resp, true).next()).toBe('{"result":"/0E="}')
  })

  it('in base64 spare OK, numbers and errors', () => {
    expect(reader('+OK\r\n', true).next()).toBe('{"result":"OK"}')
    expect(reader('+PONG\r\n', true).next()).toBe('{"result":"UE9ORw=="}')
    expect(reader('*2\r\n:1\r\n*1\r\n$3\r\nbar\r\n', true).next()).toBe('{"result":[1,["YmFy"]]}')
    expect(reader('-ERR x\r\n', true).next()).toBe('{"error":"ERR x"}')
  })

  it('are read one after another, and tell which failed', () => {
    const replies = reader('+QUEUED\r\n-ERR bad\r\n*2\r\n:1\r\n-WRONGTYPE x\r\n:5\r\n')
    expect([replies.status(), replies.failed]).toEqual(['QUEUED', false])
    expect([replies.status(), replies.failed]).toEqual(['ERR bad', true])
    expect(replies.enterArray()).toBe(2)
    expect([replies.next(), replies.failed]).toEqual(['{"result":1}', false])
    expect([replies.next(), replies.failed]).toEqual(['{"error":"WRONGTYPE x"}', true])
    expect(replies.next()).toBe('{"result":5}')
    expect(replies.position).toBe(Buffer.byteLength('+QUEUED\r\n-ERR bad\r\n*2\r\n:1\r\n-WRONGTYPE x\r\n:5\r\n'))
  })
})
