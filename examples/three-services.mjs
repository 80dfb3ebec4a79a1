/**
 * Three services, each a process, on one cluster: orders writes, stock takes from a queue, report counts. Any cluster
 * client does; this is node-redis.
 *   npx slotwise cluster up &
 *   node examples/three-services.mjs [first port, 7000]
 */
import { fork } from 'node:child_process'
import { createCluster } from 'redis6'

const ORDERS = 20
const [port = '7000', role] = process.argv.slice(2)

const services = {
  /** The hash tag keeps what one transaction changes in one slot. */
  async orders(client) {
    for (let id = 0; id < ORDERS; id++) {
      const item = `item-${id % 3}`
      await client.multi().hSet(`{shop}:order:${id}`, { item, state: 'new' }).rPush('{shop}:queue', String(id)).exec()
    }
  },
  async stock(client) {
    for (let taken = 0; taken < ORDERS;) {
      const next = await client.blPop('{shop}:queue', 10)
      if (next === null) throw new Error('no order came for ten seconds')
      const item = await client.hGet(`{shop}:order:${next.element}`, 'item')
      // Another slot, and so perhaps another node.
      await client.incr(`sold:${item}`)
      await client.hSet(`{shop}:order:${next.element}`, 'state', 'packed')
      taken++
      if (taken === ORDERS) await client.publish('packed', String(taken))
    }
  },
  async report(client) {
    const subscriber = createSubscriber()
    await subscriber.connect()
    const packed = new Promise((resolve) => void subscriber.subscribe('packed', resolve).then(() => process.send?.('listening')))
    await packed
    const sold = await Promise.all(['item-0', 'item-1', 'item-2'].map((item) => client.get(`sold:${item}`)))
    console.log(`report: ${sold.join(' + ')} = ${sold.reduce((sum, count) => sum + Number(count), 0)} sold`)
    subscriber.destroy()
  },
}

const connect = () => createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })
const createSubscriber = connect

if (role === undefined) {
  const cleaner = await connect().connect()
  for (const key of ['{shop}:queue', 'sold:item-0', 'sold:item-1', 'sold:item-2']) await cleaner.del(key)
  cleaner.destroy()
  const start = (name) => fork(import.meta.filename, [port, name])
  const report = start('report')
  await new Promise((resolve) => report.once('message', resolve)) // it has to listen before anybody speaks
  const ended = [report, start('orders'), start('stock')].map((child) => new Promise((resolve) => child.on('exit', resolve)))
  const codes = await Promise.all(ended)
  process.exitCode = codes.some((code) => code !== 0) ? 1 : 0
} else {
  const client = await connect().connect()
  await services[role](client)
  client.destroy()
  process.disconnect()
}
