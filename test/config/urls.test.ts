import { describe, expect, it } from 'vitest'
import { parseDestinationUrl, parseSourceUrl } from '../../src/config/urls.ts'

const fails = (code: string) => expect.objectContaining({ code }) as Error

describe('addresses of mailboxes', () => {
  it.each([
    ['pop3s://ann@h.example', ['implicit', 'ann', 'h.example', undefined]],
    ['pop3://ann@h.example:1110', ['none', 'ann', 'h.example', 1110]],
    ['POP3S://ann@example.org@h.example:995', ['implicit', 'ann@example.org', 'h.example', 995]],
    ['pop3s://ann%40example.org@h', ['implicit', 'ann@example.org', 'h', undefined]],
    ['pop3s://a%3Ab@h', ['implicit', 'a:b', 'h', undefined]],
    ['pop3://ann@[::1]:110', ['none', 'ann', '[::1]', 110]],
    ['pop3://ann@h/', ['none', 'ann', 'h', undefined]],
  ])('%s', (text, [tls, user, host, port]) => {
    expect(parseSourceUrl(text)).toEqual({ tls, user, host, port })
  })

  it.each([
    'pop3s://h.example',
    'pop3s://@h',
    'pop3s://ann@',
    'pop3s://ann@h:0',
    'pop3s://ann@h:99999',
    'pop3s://ann@h:x',
    'pop3s://ann@h/inbox',
    'pop3s://ann%zz@h',
    'imaps://ann@h',
    '',
  ])('%j is refused, and the forms are shown', (text) => {
    expect(() => parseSourceUrl(text)).toThrow(fails('MAILDRAIN_CONFIG_URL'))
    expect(() => parseSourceUrl(text)).toThrow(/pop3s:\/\/USER@HOST/)
  })
})

describe('addresses of destinations', () => {
  it.each([
    ['kafka://a:1,b:2/t', { kind: 'kafka', brokers: ['a:1', 'b:2'], topic: 't' }],
    ['kafka://a/t.x_y-z', { kind: 'kafka', brokers: ['a:9092'], topic: 't.x_y-z' }],
    ['kafka://[::1]:9/t', { kind: 'kafka', brokers: ['[::1]:9'], topic: 't' }],
    ['sqlite:mail.db', { kind: 'sqlite', path: 'mail.db' }],
    ['sqlite:/var/mail.db', { kind: 'sqlite', path: '/var/mail.db' }],
    ['sqlite:///var/a b?.db', { kind: 'sqlite', path: '/var/a b?.db' }],
  ])('%s', (text, address) => expect(parseDestinationUrl(text)).toEqual(address))

  it.each([
    'kafka://a',
    'kafka://a/',
    'kafka://a/..',
    'kafka://a:1,/t',
    'kafka:///t',
    'kafka://a/t/u',
    'kafka://u@a/t',
    'sqlite:',
    'postgres://a/b',
    '',
  ])('%j is refused', (text) =>
    expect(() => parseDestinationUrl(text)).toThrow(fails('MAILDRAIN_CONFIG_URL')),
  )
})

it('G14: a password is refused, and never shown', () => {
  for (const parse of [
    () => parseSourceUrl('pop3s://ann:hunter2@h'),
    () => parseSourceUrl('pop3s://ann:hun@ter2@h'),
    () => parseDestinationUrl('kafka://ann:hunter2@h:9092/t'),
  ]) {
    expect(parse).toThrow(fails('MAILDRAIN_CONFIG_PASSWORD_IN_URL'))
    try {
      parse()
    } catch (error) {
      expect(String(error)).not.toMatch(/hun|ter2/)
    }
  }
})
