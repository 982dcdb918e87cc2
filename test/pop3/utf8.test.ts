import { describe, expect, it } from 'vitest'
import { PASSWORD, converse } from './transcript.ts'

const start = (capability: string) => `S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: ${capability}\nS: .\n`
const login = `C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .`

describe('UTF8 (RFC 6856)', () => {
  it('case 77: is asked for before login where it is offered, so that no message is refused for want of it', () =>
    converse(`${start('UTF8')}C: UTF8\nS: +OK\n${login}`, async ({ connect }) => {
      await (await connect()).login()
    }))

  it('a refusal leaves the session as it was', () =>
    converse(`${start('UTF8 USER')}C: UTF8\nS: -ERR later\n${login}`, async ({ connect }) => {
      const client = await connect()
      await client.login()
      expect(client.state).toBe('transaction')
    }))

  it('is not sent where it is not offered, or not wanted', async () => {
    await converse(`${start('X')}${login}`, async ({ connect }) => (await connect()).login())
    await converse(`${start('UTF8')}${login}`, async ({ connect }) => (await connect()).login(), {
      utf8: 'off',
    })
  })
})
