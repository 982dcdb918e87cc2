/**
 * The parsed fields of a record as a function of the raw bytes alone (G13). Parsers answer broken mail with silence, not
 * with errors, so what the library says is held against our own reading of headers and structure (G12).
 */
import type { AttachmentInfo } from '../../message.ts'
import { findDefects } from './defects.ts'
import { type Understood, parseLightened } from './lighten.ts'
import { type HeaderBlock, readHeaderBlock } from './header-block.ts'
import { type ParsedFields, headerFields, normalised, settled } from './header-fields.ts'
import { locateAttachments } from './locate.ts'
import { type MimeScan, scanMime } from './mime-scan.ts'
import { mailparserParser } from './mailparser-parser.ts'
import type { Parser, ParserResult } from './parser.ts'
import { REASON, tooLargeToParse } from './reasons.ts'

export interface ParseMessageOptions {
  /** Set where `raw` is the header block of a message above this many bytes: nothing else is parsed. */
  readonly headersOnlyAbove?: number
  readonly parser?: Parser
}

/** Never rejects: what cannot be parsed says so in `parseStatus` and `parseReasons`. */
export async function parseMessage(
  raw: Buffer,
  options: ParseMessageOptions = {},
): Promise<ParsedFields> {
  const parser = options.parser ?? mailparserParser
  const { bytes, reasons } = normalised(raw)
  const block = readHeaderBlock(bytes)
  const fields = headerFields(block, parser, reasons)
  if (raw.length === 0) reasons.add(REASON.emptyMessage)
  else if (block.fields.length === 0) reasons.add(REASON.noHeaders)
  if (block.malformedLines > 0) reasons.add(REASON.malformedHeader)
  if (block.truncated) reasons.add(REASON.headerTooLarge)
  if (options.headersOnlyAbove !== undefined) {
    reasons.add(tooLargeToParse(options.headersOnlyAbove))
    return settled('partial', fields, reasons)
  }
  if (raw.length === 0) return settled('partial', fields, reasons)
  return withBody({ raw, bytes, block, fields, reasons, parser })
}

interface Work {
  readonly raw: Buffer
  readonly bytes: Buffer
  readonly block: HeaderBlock
  readonly fields: ParsedFields
  readonly reasons: Set<string>
  readonly parser: Parser
}

async function withBody(work: Work): Promise<ParsedFields> {
  try {
    const scan = scanMime(work.bytes)
    return checked(work, scan, await parseLightened(work.bytes, work.block, scan, work.parser))
  } catch (error) {
    return settled('failed', work.fields, work.reasons.add(failureOf(error)))
  }
}

function checked(
  { raw, bytes, block, fields, reasons }: Work,
  scan: MimeScan,
  { result, contents }: Understood,
): ParsedFields {
  const body = { text: textOf(result), html: htmlOf(result, scan) }
  const { attachments, matched } = locateAttachments(bytes, scan, result.attachments, contents)
  const findings = { bytes, block, scan, result, matched, ...body }
  for (const defect of findDefects(findings)) reasons.add(defect)
  const record = {
    ...fields,
    ...body,
    subject: subjectOf(result.subject, fields.subject),
    // In bytes with other line ends the places would be those of a copy.
    attachments: bytes === raw ? attachments : attachments.map(withoutPlace),
  }
  return settled(reasons.size === 0 ? 'ok' : 'partial', record, reasons)
}

const withoutPlace = (attachment: AttachmentInfo): AttachmentInfo => ({
  ...attachment,
  rawOffset: null,
  rawLength: null,
})

/** The library knows more charsets than we do, but has lost raw bytes that are not UTF-8. */
function subjectOf(library: string | null, ours: string | null): string | null {
  return library === null || library.includes('\ufffd') ? ours : library
}

const textOf = ({ text }: ParserResult): string | null =>
  text === null || /^\n*$/.test(text) ? null : text

/** Where the library joined text parts into the html, it left a break for each, as their conversion is off. */
function htmlOf({ html }: ParserResult, { parts }: MimeScan): string | null {
  if (html === null || html === '') return null
  if (!parts.some(({ type }) => type === 'text/plain')) return html
  const stripped = html.replace(/^(?:<br\/>\n)+|(?:<br\/>\n)+$/g, '')
  return stripped === '' ? null : stripped
}

function failureOf(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  if (message.includes('child nodes')) return REASON.tooManyParts
  return message.includes('header size') ? REASON.headerTooLarge : REASON.parserFailed
}
