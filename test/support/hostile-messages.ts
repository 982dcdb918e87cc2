/** Messages made to disturb whoever carries them: by their content alone, as any sender could write it. */
const head = (name: string): string =>
  `From: a@example.org\r\nMessage-ID: <${name}@hostile.example>\r\nSubject: ${name}\r\n\r\n`

const line = (text: string): string => `${text}\r\n`

const BODIES: Readonly<Record<string, string>> = {
  'leading-dots': ['.', '..', '...', '.x', '..x', '. ', '.\t.'].map(line).join(''),
  'first-line-dot': '.\r\nafter it\r\n',
  // What looks like the end of a reply to whoever is lax about line ends, and a reply after it.
  'lone-dot-bare-lf': 'before\n.\nafter\r\n',
  'lone-dot-lf-crlf': 'before\n.\r\n+OK 999999 octets\r\nafter\r\n',
  'lone-dot-cr': 'before\r.\rafter\r\n',
  'lone-dot-crlf-lf': 'before\r\n.\n-ERR no\r\nafter\r\n',
  'ok-lines': '+OK\r\n+OK 12 octets\r\n-ERR\r\n.\r\n+OK bye\r\n-ERR [IN-USE] no\r\n+ \r\n',
  nul: 'a\0b\r\n\0\0\0\r\n\0.\r\nlast\r\n',
  'eight-bit': `${Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')}\r\n`,
  'no-final-newline': 'the last line does not end',
  'ends-with-dot': 'the last line is a dot\r\n.',
  'ends-with-cr': 'the last line ends with CR\r',
  'long-line': `${'x'.repeat(1024 * 1024)}\r\n`,
  'long-line-dots': `${'.'.repeat(100_000)}\r\n`,
  'empty-body': '',
  'empty-lines': '\r\n'.repeat(50),
  'from-line': 'From somebody Thu Jan  1 00:00:00 2026\r\n>From quoted\r\nFrom: no header\r\n',
  'bare-cr-lines': 'one\rtwo\rthree\r\n',
}

export interface HostileMessage {
  readonly name: string
  readonly bytes: Buffer
}

/** Each under the name that its subject has. */
export function hostileMessages(): readonly HostileMessage[] {
  const found = Object.entries(BODIES).map(([name, body]) => ({
    name,
    bytes: Buffer.from(head(name) + body, 'latin1'),
  }))
  // Beyond bodies: a header of 8-bit and NUL, one that never ends, and none at all.
  const more: [string, string][] = [
    [
      'eight-bit-header',
      head('eight-bit-header').replace('Subject:', 'X-Raw: \xff\xfe\r\nSubject:'),
    ],
    ['header-only', head('header-only').slice(0, -2)],
    ['no-header', '\r\nno-header: the first line is empty\r\n'],
  ]
  return [...found, ...more.map(([name, text]) => ({ name, bytes: Buffer.from(text, 'latin1') }))]
}

/** Under which name these bytes were sent out. */
export const hostileName = (raw: Uint8Array): string | undefined => {
  const text = Buffer.from(raw).toString('latin1', 0, 4096)
  return /^Subject: ([a-z-]+)\r?$/m.exec(text)?.[1] ?? /no-header/.exec(text)?.[0]
}
