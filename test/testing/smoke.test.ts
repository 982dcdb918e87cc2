import { it, expect } from 'vitest'
import { generateMailbox, startPop3Server } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'
it('smoke', async () => {
  const mailbox = generateMailbox({ messages: 300, seed: 3, profile: 'mixed' })
  const server = await startPop3Server({ mailbox })
  const c = await RawClient.login(server)
  console.log(
    await c.ask('STAT'),
    (await c.lines('CAPA')).join('|'),
    await c.ask('UIDL 3'),
    server.url,
  )
  for (let i = 0; i < 300; i++)
    expect((await c.retr(i + 1)).equals(mailbox.message(i).read())).toBe(true)
  expect((await c.lines('LIST')).length).toBe(300)
  console.log(await c.ask('DELE 2'), await c.ask('RETR 2'), await c.ask('QUIT'), server.remaining())
  await server.close()
})
it('speed', async () => {
  const mailbox = generateMailbox({ messages: 2000, seed: 3, profile: 'mixed' })
  const server = await startPop3Server({ mailbox })
  const c = await RawClient.login(server)
  const t = performance.now()
  const before = c.octets
  let text = ''
  for (let i = 1; i <= 2000; i++) text += `RETR ${i}\r\n`
  c.send(text + 'QUIT\r\n')
  await c.rest()
  const ms = performance.now() - t
  console.log((c.octets - before) / 1e6, 'MB', ms, 'ms')
  await server.close()
})
