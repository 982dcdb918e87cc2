/**
 * What the examples of the RFCs have a server say, as replies to the commands that ask for it: where the fuzzer begins.
 * Header of each input: see `planOf`.
 */

/** Index of a command in the header. */
const STAT = 0
const RETR = 1
const UIDL = 2
const LIST_ONE = 3
const LIST = 4
const UIDL_ONE = 5
const TOP = 6
const NOOP = 7

const CAPA = 4
const STLS = 1
const AUTH = 2
const PASS = 3

const seed = (header: readonly number[], ...lines: readonly string[]): Buffer =>
  Buffer.concat([
    Buffer.from([...header, 0, 7]),
    Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'),
  ])

const greeting = (...lines: string[]): Buffer => seed([0], ...lines)
const authorization = (verb: number, ...lines: string[]): Buffer => seed([verb], ...lines)
const transaction = (verbs: readonly number[], ...lines: string[]): Buffer =>
  seed([5 + verbs.length, ...verbs], ...lines)

/** RFC 1939 sections 4, 5, 6, 7 and 10. */
const rfc1939: readonly Buffer[] = [
  greeting('+OK POP3 server ready'),
  greeting('+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>'),
  transaction([STAT], '+OK 2 320'),
  transaction([LIST], '+OK 2 messages (320 octets)', '1 120', '2 200', '.'),
  transaction([LIST_ONE], '+OK 2 200'),
  transaction([LIST_ONE], '-ERR no such message, only 2 messages in maildrop'),
  transaction([RETR], '+OK 120 octets', 'Subject: x', '', 'the entire message', '.'),
  transaction([NOOP], '+OK message 1 deleted'),
  transaction([NOOP], '-ERR message 2 already deleted'),
  transaction([NOOP], '+OK'),
  transaction([NOOP], '+OK maildrop has 2 messages (320 octets)'),
  transaction([NOOP], '+OK dewey POP3 server signing off (maildrop empty)'),
  transaction([NOOP], '+OK dewey POP3 server signing off (2 messages left)'),
  transaction([TOP], '+OK top of message follows', 'Subject: x', '', 'ten lines', '.'),
  transaction([TOP], '-ERR no such message'),
  transaction([UIDL], '+OK', '1 whqtswO00WBw418f9t5JxYwZ', '2 QhdPYR:00WBw1Ph7x7', '.'),
  transaction([UIDL_ONE], '+OK 2 QhdPYR:00WBw1Ph7x7'),
  transaction([UIDL_ONE], '-ERR no such message, only 2 messages in maildrop'),
  authorization(PASS, '+OK mrose is a real hoopy frood'),
  authorization(PASS, '-ERR sorry, no mailbox for frated here'),
  authorization(PASS, "+OK mrose's maildrop has 2 messages (320 octets)"),
  authorization(PASS, '-ERR maildrop already locked'),
  transaction(
    [STAT, LIST, RETR, NOOP, RETR, NOOP],
    ...['+OK 2 320', '+OK 2 messages (320 octets)', '1 120', '2 200', '.'],
    ...['+OK 120 octets', 'message 1', '.', '+OK message 1 deleted'],
    ...['+OK 200 octets', '..stuffed', '.', '+OK message 2 deleted'],
  ),
]

/** RFC 2449 sections 5, 6, 8 and RFC 3206. */
const rfc2449: readonly Buffer[] = [
  authorization(
    CAPA,
    ...['+OK Capability list follows', 'TOP', 'USER', 'SASL CRAM-MD5 KERBEROS_V4', 'RESP-CODES'],
    ...[
      'LOGIN-DELAY 900',
      'PIPELINING',
      'EXPIRE 60',
      'UIDL',
      'IMPLEMENTATION Shlemazle-Plotz-v302',
      '.',
    ],
  ),
  authorization(CAPA, '+OK', 'EXPIRE 5 USER', 'EXPIRE 30', 'EXPIRE NEVER', 'EXPIRE 0', '.'),
  authorization(CAPA, '+OK', 'LOGIN-DELAY 120 USER', 'LOGIN-DELAY 120', 'AUTH-RESP-CODE', '.'),
  authorization(PASS, '-ERR [IN-USE] Do you have another POP session running?'),
  authorization(PASS, '-ERR [LOGIN-DELAY] wait'),
  authorization(PASS, '-ERR [AUTH] no'),
  authorization(PASS, '-ERR [SYS/TEMP] later'),
  authorization(PASS, '-ERR [SYS/PERM] never'),
]

/** RFC 2595 section 4. */
const rfc2595: readonly Buffer[] = [
  authorization(STLS, '+OK Begin TLS negotiation'),
  authorization(STLS, '-ERR Command not permitted when TLS active'),
  authorization(STLS, '+OK Begin TLS negotiation', '+OK injected'),
]

/** RFC 5034 sections 4 and 6. */
const rfc5034: readonly Buffer[] = [
  authorization(
    CAPA,
    '+OK List of capabilities follows',
    'SASL DIGEST-MD5 GSSAPI ANONYMOUS',
    'STLS',
    'IMPLEMENTATION BlurdyBlurp POP3 server',
    '.',
  ),
  authorization(AUTH, '+ '),
  authorization(AUTH, '+'),
  authorization(AUTH, '+OK Maildrop locked and ready'),
  authorization(AUTH, '+ cmVhbG09ImVsd29vZC5pbm5vc29mdC5leGFtcGxlLmNvbSI='),
  authorization(AUTH, '-ERR Authentication exchange failed'),
]

/** RFC 6856 sections 2 and 3. */
const rfc6856: readonly Buffer[] = [
  authorization(CAPA, '+OK', 'UTF8', 'UTF8 USER', 'LANG', '.'),
  transaction(
    [LIST],
    '+OK Language listing follows:',
    'en English',
    'en-boont English Boontling dialect',
    'de Deutsch',
    '.',
  ),
  transaction([NOOP], '+OK es Idioma cambiado'),
  transaction([NOOP], '-ERR invalid language MUD'),
  transaction([RETR], '-ERR [UTF8] Message 1 needs UTF8'),
]

/** What servers in the field say, and what attackers would. */
const field: readonly Buffer[] = [
  transaction([RETR, NOOP], '+OK', 'look\n.\n+OK 12', 'fake', '.', '+OK'),
  transaction([RETR, RETR], '+OK', '..', '...', '.x', '.', '-ERR Message 51 expunged.'),
  transaction([RETR, UIDL_ONE], '+OK', '.', '+OK 2 uid'),
  transaction([UIDL], '+OK', '+OK 1   spaced ', '2\ttab', '3', '0 zero', '1 twice', '.'),
  transaction([LIST], '+OK', '1 -1', '2 -20 octets', '3 5000000000', '.'),
  transaction([NOOP], '-ERR Disconnected for inactivity.'),
  greeting('220 mail.example.org ESMTP'),
  greeting('* OK IMAP4rev1'),
  greeting('\x15\x03\x01\0\x02\x02F'),
  greeting('HTTP/1.1 400 Bad Request'),
]

export const seeds: readonly Buffer[] = [
  ...rfc1939,
  ...rfc2449,
  ...rfc2595,
  ...rfc5034,
  ...rfc6856,
  ...field,
]
