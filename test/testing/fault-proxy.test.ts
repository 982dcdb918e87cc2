import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FaultProxy, type FaultProxyOptions, type OctetFault } from '../../src/testing/index.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function behind(
  onConnection: (socket: Socket) => void,
  options: Partial<FaultProxyOptions> = {},
): Promise<FaultProxy> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    onConnection(socket.on('error', () => undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  const { port } = server.address() as { port: number }
  const proxy = await FaultProxy.start({ port, ...options })
  open.push(proxy)
  return proxy
}

const echo = (socket: Socket): void => {
  socket.pipe(socket)
}

function client(proxy: FaultProxy): Socket {
  const socket = connect({ port: proxy.port, host: proxy.host, noDelay: true })
  open.push({ close: () => socket.destroy() })
  return socket.on('error', () => undefined)
}

/** True when it was reset. */
const closed = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => socket.once('close', resolve))

it('passes every octet in order, and the end of each side', async () => {
  for (const delayMs of [0, 3]) {
    const proxy = await behind(echo, { delayMs })
    const sent = randomBytes(20_000_000)
    const socket = client(proxy)
    const hash = createHash('sha256')
    let octets = 0
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      octets += chunk.length
    })
    socket.end(sent)
    await once(socket, 'end')
    expect(octets).toBe(sent.length)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
  }
})

it('a round trip takes twice the delay, and a pipeline of requests takes it once', async () => {
  const proxy = await behind(echo, { delayMs: 40 })
  const socket = client(proxy)
  await once(socket, 'connect')
  const started = performance.now()
  socket.write('1')
  await once(socket, 'data')
  expect(performance.now() - started).toBeGreaterThanOrEqual(80)
  const before = performance.now()
  let echoed = 0
  for (let i = 0; i < 20; i += 1) {
    socket.write('x')
    await new Promise((resolve) => setImmediate(resolve))
  }
  while (echoed < 20) echoed += ((await once(socket, 'data')) as [Buffer])[0].length
  expect(performance.now() - before).toBeLessThan(20 * 80)
})

it('cut: open connections are reset, new ones pass', async () => {
  const proxy = await behind(echo)
  const socket = client(proxy)
  socket.write('a')
  await once(socket, 'data')
  expect(proxy.passed).toBe(2)
  proxy.cut()
  expect(await closed(socket)).toBe(true)
  const again = client(proxy)
  again.write('b')
  expect(String((await once(again, 'data'))[0])).toBe('b')
  expect(proxy.connections).toBe(2)
})

it('silence: nothing passes and nothing is closed; then everything does', async () => {
  const proxy = await behind(echo)
  const socket = client(proxy)
  proxy.silence(true)
  let heard = ''
  socket.on('data', (chunk) => (heard += String(chunk)))
  socket.write('later')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(heard).toBe('')
  proxy.silence(false)
  await once(socket, 'data')
  expect(heard).toBe('later')
})

it('refuse: whoever connects is reset; a server that is down resets as well', async () => {
  const proxy = await behind(echo)
  proxy.refuse(true)
  expect(await closed(client(proxy))).toBe(true)
  expect(proxy.connections).toBe(0)
  const dead = await FaultProxy.start({ port: 1 })
  open.push(dead)
  expect(await closed(client(dead))).toBe(true)
})

it('what ends badly on one side ends badly on the other', async () => {
  const proxy = await behind((socket) => setTimeout(() => socket.resetAndDestroy(), 20))
  const socket = client(proxy)
  expect(await closed(socket)).toBe(true)
})

/** What the client of an echo that is told `said` hears, and how that ended. */
async function hear(fault: OctetFault, said: string): Promise<{ heard: string; ended: boolean }> {
  let served = ''
  const proxy = await behind(
    (socket) => socket.on('data', (chunk) => (served += String(chunk))).pipe(socket),
    { fault: (connection) => (connection === 1 ? fault : undefined) },
  )
  const socket = client(proxy)
  let heard = ''
  socket.on('data', (chunk) => (heard += String(chunk))).on('end', () => socket.end())
  socket.write(said)
  const whenEnded = closed(socket).then(() => true)
  await expect.poll(() => [proxy.strikes, heard.length]).toEqual([1, fault.octets])
  // What is swallowed ends nothing, ever; 200 ms stand for that.
  const quiet = new Promise<boolean>((resolve) => setTimeout(resolve, 200, false))
  const ended = await (fault.then === 'reset' ? whenEnded : Promise.race([whenEnded, quiet]))
  expect(proxy.strikes).toBe(1)
  expect(proxy.passedByConnection).toEqual([{ client: served.length, server: heard.length }])
  return { heard, ended }
}

describe('a fault of one connection', () => {
  it.each([0, 1, 4, 10])('strikes after %i octets of a side, and not one more', async (octets) => {
    const [said, heard] = ['ten octets', 'ten octets'.slice(0, octets)]
    for (const from of ['server', 'client'] as const) {
      const swallowed = await hear({ from, octets, then: 'swallow' }, said)
      expect(swallowed).toEqual({ heard, ended: false })
    }
    const reset = await hear({ from: 'server', octets, then: 'reset' }, said)
    expect(reset).toEqual({ heard, ended: true })
  })

  it('swallows the end of that side too; closing the proxy closes the connection', async () => {
    const proxy = await behind((socket) => socket.on('end', () => socket.end('bye')), {
      fault: () => ({ from: 'server', octets: 0, then: 'swallow' }),
    })
    const socket = client(proxy)
    await once(socket, 'connect')
    socket.end()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(socket.readableEnded).toBe(false)
    await proxy.close()
    await closed(socket)
  })

  it('leaves the other connections alone', async () => {
    const proxy = await behind(echo, {
      fault: (connection) =>
        connection === 1 ? { from: 'client', octets: 0, then: 'reset' } : undefined,
    })
    const first = client(proxy)
    first.write('a')
    expect(await closed(first)).toBe(true)
    const second = client(proxy)
    second.write('b')
    expect(String((await once(second, 'data'))[0])).toBe('b')
  })

  it.each([
    ['before', 0, ''],
    ['after', 0, '+OK\r\n'],
    ['before', 2, '+OK\r\n+OK\r\nUSER\r\n.\r\n'],
    ['after', 3, '+OK\r\n+OK\r\nUSER\r\n.\r\n-ERR no\r\n+OK\r\n..\r\nx.\r\n.\r\n'],
    ['after', 4, '+OK\r\n+OK\r\nUSER\r\n.\r\n-ERR no\r\n+OK\r\n..\r\nx.\r\n.\r\n+OK 1 2\r\n'],
  ] as const)('strikes %s the reply to command %i', async (when, number, expected) => {
    for (const size of [1, 3, 1000]) {
      const proxy = await behind(
        (socket) => {
          const script =
            '+OK\r\n+OK\r\nUSER\r\n.\r\n-ERR no\r\n+OK\r\n..\r\nx.\r\n.\r\n+OK 1 2\r\n+OK\r\n'
          socket.once('data', () => {
            for (let at = 0; at < script.length; at += size)
              socket.write(script.slice(at, at + size))
          })
        },
        { fault: () => ({ replyTo: (line) => line.number === number, when, then: 'reset' }) },
      )
      const socket = client(proxy)
      let heard = ''
      socket.on('data', (chunk) => (heard += String(chunk))).on('end', () => socket.end())
      socket.write('CAPA\r\nRETR 7\r\nRETR 1\r\nLIST 1\r\nQUIT\r\n')
      await closed(socket)
      expect(heard).toBe(expected)
    }
  })
})
