/** Faults 1 to 7: nobody answers, or not as a POP3 server does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { FaultProxy } from '../../src/testing/index.ts'
import { freePort } from '../fixtures/free-port.ts'
import { awakeMs } from '../support/awake.ts'
import { delivered, drainInto, serve, texts } from '../support/drains.ts'
import { endsWith, holds, until } from '../support/faults.ts'
import { MemorySink } from '../support/memory-sink.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function behindProxy(count: number) {
  const server = await serve(count)
  const proxy = await FaultProxy.start({ port: server.port })
  onTestFinished(() => proxy.close())
  return { server, proxy, sink: new MemorySink() }
}

it('fault 1: nobody listens, and then somebody does', async () => {
  const [server, sink] = [await serve(5), new MemorySink()]
  const port = await freePort()
  const error = await endsWith(server, sink, { source: { port } })
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_UNREACHABLE', exitCode: 4 })
  const draining = drainInto(server, sink, { source: { port, openPatienceMs: 10_000 } })
  await sleep(100)
  const late = createServer((socket) => socket.pipe(connect(server.port)).pipe(socket))
  await once(late.listen(port, '127.0.0.1'), 'listening')
  onTestFinished(() => void late.close())
  expect(await draining).toMatchObject({ delivered: 5, verifiedGone: 5 })
  expect(delivered(sink)).toEqual(texts(5))
})

/** A forwarder of another process, which accepts nothing while it is suspended; its queue is full then. */
async function frozenForwarder(to: number) {
  const program = `const net = require('node:net')
    const forward = (client) => {
      const server = net.connect(${to}, '127.0.0.1')
      client.on('error', () => {}).pipe(server.on('error', () => {})).pipe(client)
    }
    const listener = net.createServer({ allowHalfOpen: false }, forward)
    listener.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(listener.address().port))`
  const child = spawn(process.execPath, ['-e', program])
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(String(line))
  child.kill('SIGSTOP')
  const fillers: Socket[] = []
  for (let i = 0; i < 4; i += 1) {
    const filler = connect({ port, host: '127.0.0.1' })
    fillers.push(filler.on('error', () => undefined))
  }
  await sleep(50)
  const thaw = (): void => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGCONT')
  }
  return { port, thaw }
}

it.skipIf(process.platform !== 'linux')(
  'fault 2: connecting is answered by nothing, and then it is',
  async () => {
    const server = await serve(5)
    const sink = new MemorySink()
    const { port, thaw } = await frozenForwarder(server.port)
    const source = { port, connectTimeoutMs: 100 }
    const error = await endsWith(server, sink, { source })
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_UNREACHABLE', exitCode: 4 })
    const draining = drainInto(server, sink, { source: { ...source, openPatienceMs: 10_000 } })
    await sleep(300)
    expect(server.sessions).toBe(0)
    thaw()
    expect(await draining).toMatchObject({ delivered: 5, verifiedGone: 5 })
  },
)

it('fault 3: each connection is reset as soon as it is accepted: tried after growing pauses', async () => {
  const { server, proxy, sink } = await behindProxy(5)
  const times: number[] = []
  const resetting = createServer((socket) => {
    times.push(performance.now())
    socket.resetAndDestroy()
  })
  await new Promise<void>((resolve) => resetting.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void resetting.close())
  const { port } = resetting.address() as AddressInfo
  const error = await endsWith(server, sink, {
    source: { port, retryInitialMs: 40, openPatienceMs: 3000 },
  })
  expect(error.exitCode).toBe(4)
  // 40, 80, 160, 320, …: half of that at least by chance.
  expect(times.length).toBeGreaterThan(2)
  expect(times.length).toBeLessThan(10)
  const pauses = times.slice(1).map((time, index) => time - times[index]!)
  expect(pauses[0]).toBeGreaterThanOrEqual(10)
  expect(Math.max(...pauses)).toBeGreaterThan(pauses[0]!)
  proxy.refuse(true)
  const draining = drainInto(server, sink, { source: { port: proxy.port } })
  await sleep(50)
  proxy.refuse(false)
  expect(await draining).toMatchObject({ delivered: 5, verifiedGone: 5 })
})

it('fault 4: no greeting ever comes, and then it does', async () => {
  await holds({ behaviour: () => ({ greeting: until(2)<string | null>(null) }) })
  const server = await serve(3, { behaviour: { greeting: null } })
  const error = await endsWith(server, new MemorySink(), { source: { greetingTimeoutMs: 60 } })
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', exitCode: 4 })
})

it('fault 5: the greeting comes a byte at a time: its deadline is that of the line', async () => {
  const slowly = (verb: string) => (verb === '' ? 10 : undefined)
  await holds({
    behaviour: () => ({
      bytesPerSecond: (verb, session) => (session <= 2 ? slowly(verb) : undefined),
    }),
  })
  // Half a minute for the whole of it, and never a quarter of a second without an octet.
  const greeting = `+OK ${'x'.repeat(300)}`
  const server = await serve(3, { behaviour: { greeting, bytesPerSecond: slowly } })
  const started = awakeMs()
  const error = await endsWith(server, new MemorySink(), {
    source: { greetingTimeoutMs: 250, openPatienceMs: 0 },
  })
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', exitCode: 4 })
  expect(awakeMs() - started).toBeLessThan(2000)
})

it('fault 6: the greeting is -ERR, and then it is not', async () => {
  await holds({ behaviour: () => ({ greeting: until(2)('-ERR too many connections') }) })
  const server = await serve(3, { behaviour: { greeting: '-ERR too many connections' } })
  const error = await endsWith(server, new MemorySink())
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_SERVER_TEMPORARY', exitCode: 4 })
  expect(error.message).not.toMatch(/password|credential/i)
})

it('fault 7: ten megabytes of a greeting without a line end: hardly any of it is read', async () => {
  const { server, sink } = await behindProxy(3)
  let left = 0
  const flooding = createServer((socket) => {
    const part = Buffer.alloc(64 * 1024, 'x')
    const flood = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= part.length
        if (!socket.write(part)) {
          socket.once('drain', flood)
          return
        }
      }
    }
    left = 10e6
    socket.on('error', () => undefined)
    flood()
  })
  await new Promise<void>((resolve) => flooding.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void flooding.close())
  const { port } = flooding.address() as AddressInfo
  const error = await endsWith(server, sink, { source: { port, openPatienceMs: 0 } })
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT', exitCode: 4 })
  // What was under way in the buffers of the sockets, and not the rest.
  expect(left).toBeGreaterThan(1e6)
  expect(await drainInto(server, sink)).toMatchObject({ delivered: 3, verifiedGone: 3 })
})
