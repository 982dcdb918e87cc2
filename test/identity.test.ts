import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { base32, mailboxId, mailboxKey, messageKey, unfetchedKey } from '../src/identity.ts'

describe('base32', () => {
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('agrees with RFC 4648 section 10 on "%s"', (text, encoded) => {
    expect(base32(Buffer.from(text))).toBe(encoded)
  })
})

describe('keys', () => {
  const sha = createHash('sha256').update('bytes').digest('hex')

  it('G6: K is what the definition says, byte for byte', () => {
    const expected = createHash('sha256')
      .update('user@host')
      .update(Buffer.from([0]))
      .update(Buffer.from([0x61, 0xe9]))
      .update(Buffer.from([0]))
      .update(Buffer.from(sha, 'hex'))
      .digest()
    expect(messageKey('user@host', 'a\u00e9', sha)).toBe(base32(expected))
    expect(messageKey('user@host', 'a\u00e9', sha)).toHaveLength(52)
  })

  it('never change: a key that changed would deliver every message twice', () => {
    expect(messageKey('user@mail.example', '0000001a5d3c9f20', sha)).toBe(
      'jhknoxou4xijgiu44ukjol23vsjla4kmeud2n3c7mktyz3vunema',
    )
    expect(mailboxKey('user@mail.example')).toBe('kd2erp4motofflla')
    expect(unfetchedKey('0000001a5d3c9f20', 1234)).toBe(
      'u/zbsoydgxkb6za3clzexpexz47kymbq33vu5x6bf5cercvxu5aeya',
    )
  })

  it('tell a missing unique-id from any that exists, and mailboxes apart', () => {
    expect(messageKey('a', null, sha)).not.toBe(messageKey('a', 'x', sha))
    expect(messageKey('a', 'x', sha)).not.toBe(messageKey('b', 'x', sha))
  })
})

describe('the mailbox id', () => {
  it.each([
    ['user', 'Mail.Example', 995, 'user@mail.example'],
    ['user', 'mail.example', 110, 'user@mail.example'],
    ['user', 'mail.example', 1110, 'user@mail.example:1110'],
    ['user@example.org', 'mail.example', 995, 'user@example.org@mail.example'],
    ['User', '::1', 1110, 'User@[::1]:1110'],
  ])('of %s at %s port %d is %s', (user, host, port, id) => {
    expect(mailboxId(user, host, port)).toBe(id)
  })
})
