/**
 * Why a record is not whole. Stable strings: consumers match on them, so changing one is a breaking change.
 */
export const REASON = {
  emptyMessage: 'empty message',
  noHeaders: 'no headers',
  malformedHeader: 'malformed header line',
  headerTooLarge: 'header larger than 1 MiB',
  bareCr: 'bare CR line ends',
  date: 'date not understood',
  boundaryMissing: 'boundary missing',
  boundaryNotFound: 'boundary not found',
  bodyNotUnderstood: 'body not understood',
  textLost: 'text lost',
  htmlLost: 'html lost',
  attachmentLost: 'attachment lost',
  tooManyParts: 'more than 1000 parts',
  unknownCharset: 'unknown charset',
  undecodable: 'undecodable characters',
  transferEncoding: 'transfer encoding not decoded',
  uuencode: 'uuencode not decoded',
  parserFailed: 'parser failed',
  parserCrashed: 'parser crashed',
  parserTimedOut: 'parser timed out',
} as const

/** For a message above the size gate. */
export const tooLargeToParse = (maxParseBytes: number): string =>
  `body not parsed: larger than ${maxParseBytes} bytes`
