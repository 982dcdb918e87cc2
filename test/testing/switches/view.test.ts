import { expect, it } from 'vitest'
import type { ViewBehaviour } from '../../../src/testing/behaviour/view.ts'
import type { Behaviour } from '../../../src/testing/index.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, tryLogin } from './servers.ts'

/** Unique-ids that a session lists, by position in the mailbox. */
async function seen(behaviour: Behaviour, count = 6): Promise<number[]> {
  return listed(await RawClient.login(await behaving(behaviour, count)))
}

const listed = async (one: RawClient): Promise<number[]> =>
  (await one.lines('UIDL')).map((line) => Number(line.split('uid-')[1]))

const probes: Record<keyof ViewBehaviour, () => Promise<void>> = {
  cappedView: async () => expect(await seen({ cappedView: 2 })).toEqual([0, 1]),
  newestView: async () => expect(await seen({ newestView: 2 })).toEqual([4, 5]),
  recentView: async () => {
    const server = await behaving({ recentView: 3, quitHidesRead: true }, 5)
    const first = await RawClient.login(server)
    await first.retr(5)
    await first.ask('QUIT')
    expect(await listed(await RawClient.login(server))).toEqual([0, 1, 2, 3])
    const recent = await RawClient.login(server, 'recent:user')
    expect(await listed(recent)).toEqual([2, 3, 4])
    server.setBehaviour({ recentView: undefined })
    expect(await tryLogin(server, 'recent:user')).toMatch(/^-ERR/)
  },
  shows: async () =>
    expect(await seen({ shows: (index, session) => index % 2 === session % 2 })).toEqual([1, 3, 5]),
  statZero: async () => {
    const server = await behaving({ statZero: (session) => session === 1 })
    expect(await (await RawClient.login(server)).ask('STAT')).toBe('+OK 0 0')
    expect(await (await RawClient.login(server)).ask('STAT')).toMatch(/^\+OK 4 /)
  },
  statZeroOnce: async () => {
    const server = await behaving({ statZeroOnce: true })
    expect(await (await RawClient.login(server)).ask('STAT')).toBe('+OK 0 0')
    expect(await (await RawClient.login(server)).ask('STAT')).toMatch(/^\+OK 4 /)
  },
  order: async () => {
    expect(await seen({ order: 'newest-first' })).toEqual([5, 4, 3, 2, 1, 0])
    const shuffled = await seen({ order: 'shuffled' }, 30)
    expect(shuffled).not.toEqual([...shuffled].sort((a, b) => a - b))
    expect(await seen({ order: 'shuffled' }, 30)).toEqual(shuffled)
  },
  renumber: async () => {
    const server = await behaving({ renumber: true }, 30)
    const first = await listed(await RawClient.login(server))
    const second = await listed(await RawClient.login(server))
    expect(second).not.toEqual(first)
    expect(second.sort()).toEqual(first.sort())
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())

it('views combine: the newest of what is shown, newest first', async () => {
  const behaviour = { newestView: 2, shows: (i: number) => i !== 4, order: 'newest-first' } as const
  expect(await seen(behaviour)).toEqual([5, 3])
})
