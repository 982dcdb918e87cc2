import { expect, it } from 'vitest'
import type { DeletingBehaviour } from '../../../src/testing/behaviour/deleting.ts'
import { uidls } from '../../../src/testing/index.ts'
import { smallMessage } from '../../support/drains.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, client, expunge } from './servers.ts'

const probes: Record<keyof DeletingBehaviour, () => Promise<void>> = {
  quitRemovesRead: async () => {
    const server = await behaving({ quitRemovesRead: true })
    const one = await RawClient.login(server)
    await one.retr(2)
    await one.ask('QUIT')
    expect(server.remainingIndexes()).toEqual([0, 2, 3])
  },
  quitHidesRead: async () => {
    const server = await behaving({ quitHidesRead: true })
    const dropped = await RawClient.login(server)
    await dropped.retr(1)
    dropped.destroy()
    const one = await RawClient.login(server)
    await one.retr(2)
    await one.ask('DELE 3')
    await one.ask('QUIT')
    const left = await (await RawClient.login(server)).lines('UIDL')
    expect(left).toEqual(['1 uid-0', '2 uid-3'])
    expect(server.remaining()).toBe(4)
    expect(server.visibleIndexes()).toEqual([0, 3])
  },
  applyDeletesOnDrop: async () => {
    const server = await behaving({ applyDeletesOnDrop: true })
    await (await RawClient.login(server)).ask('DELE 1')
    server.dropConnections()
    await expect.poll(() => server.remaining()).toBe(3)
  },
  applyDeletesAtOnce: async () => {
    const server = await behaving({ applyDeletesAtOnce: true })
    await (await RawClient.login(server)).ask('DELE 1')
    expect(server.remaining()).toBe(3)
  },
  loseQuitReply: async () => {
    for (const [when, left] of [
      ['committed', 3],
      ['not-committed', 4],
    ] as const) {
      const server = await behaving({ loseQuitReply: when })
      expect(await expunge(server, 1)).toBe('')
      expect(server.remaining()).toBe(left)
    }
  },
  dropAtQuit: async () => {
    const server = await behaving({ dropAtQuit: true })
    expect(await expunge(server, 1)).toBe('')
    expect(server.remaining()).toBe(4)
  },
  quitError: async () => {
    for (const [how, left] of [
      ['none', 4],
      ['half', 2],
    ] as const) {
      const server = await behaving({ quitError: how })
      expect(await expunge(server, 1, 2, 3, 4)).toMatch(/^-ERR/)
      expect(server.remaining()).toBe(left)
    }
  },
  ignoreDeletes: async () => {
    const server = await behaving({ ignoreDeletes: 1 })
    expect(await expunge(server, 1)).toMatch(/^\+OK/)
    expect(server.remaining()).toBe(4)
    await expunge(server, 1)
    expect(server.remaining()).toBe(3)
  },
  updateDelayMs: async () => {
    const server = await behaving({ updateDelayMs: 50 })
    expect(await expunge(server, 1)).toMatch(/^\+OK/)
    expect(server.remaining()).toBe(4)
    await expect.poll(() => server.remaining()).toBe(3)
  },
  deleReply: async () => {
    const server = await behaving({ deleReply: (index) => (index === 1 ? '\r\n' : undefined) })
    const one = await RawClient.login(server)
    expect(await one.ask('DELE 2')).toBe('')
    expect(await one.ask('DELE 3')).toMatch(/^\+OK/)
    await one.ask('QUIT')
    expect(server.remainingIndexes()).toEqual([0, 1, 3])
  },
  deleError: async () => {
    const server = await behaving({ deleError: (index) => (index === 1 ? 'locked' : undefined) })
    const one = await RawClient.login(server)
    expect(await one.ask('DELE 2')).toBe('-ERR locked')
    await one.ask('QUIT')
    expect(server.remaining()).toBe(4)
  },
  deleByUidl: async () => {
    const one = await client({ deleByUidl: true, uidlOf: uidls.duplicated(2) })
    expect(await one.ask('DELE 1')).toMatch(/^\+OK/)
    expect(await one.ask('DELE 2')).toBe('-ERR Message 2 already deleted.')
    expect(await one.ask('DELE 3')).toMatch(/^\+OK/)
  },
  rsetRereads: async () => {
    const server = await behaving({ rsetRereads: true })
    const one = await RawClient.login(server)
    await one.ask('DELE 1')
    server.remove(1)
    server.add(smallMessage(8))
    await one.ask('RSET')
    expect(await one.lines('UIDL')).toEqual(['1 uid-0', '2 uid-2', '3 uid-3', '4 uid-8'])
    const octets = 4 * smallMessage(0).octets
    expect(await one.ask('STAT')).toBe(`+OK 4 ${octets}`)
    await one.ask('DELE 4')
    await one.ask('QUIT')
    expect(server.remainingIndexes()).toEqual([0, 2, 3])
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())
