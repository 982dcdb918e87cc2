import { expect, it } from 'vitest'
import { session } from './transcript.ts'

it('a size of -1 (GreenMail) announces nothing, and costs no other message its turn', () =>
  session('C: LIST\nS: +OK\nS: 1 -1\nS: 2 200\nS: .\nC: LIST 1\nS: +OK 1 -1', async (client) => {
    const found: [number, number][] = []
    await client.listAll((n, octets) => found.push([n, octets]), 2)
    expect(found).toEqual([
      [1, 0],
      [2, 200],
    ])
    expect(await client.list(1)).toBe(0)
  }))
