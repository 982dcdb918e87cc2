/** The parser library mailparser behind our interface, with every conversion and invention of its own off. */
import { type EmailAddress, MailParser, parseAddressHeader } from 'mailparser'
import type { AttachmentStream, MessageText } from 'mailparser'
import type { MailAddress } from '../../message.ts'
import type { Parser, ParserAttachment, ParserResult } from './parser.ts'

const OPTIONS = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipTextLinks: true,
  skipImageLinks: true,
  keepCidLinks: true,
  // Folded into the text they would lose their place, and the embedded Date would be invented when unreadable (G13).
  keepDeliveryStatus: true,
  ignoreEmbedded: true,
  checksumAlgo: 'sha256',
}

export const mailparserParser: Parser = {
  parse: (raw) =>
    new Promise<ParserResult>((resolve, reject) => {
      const attachments: ParserAttachment[] = []
      let subject: string | null = null
      let body: MessageText | undefined
      const parser = new MailParser(OPTIONS)
      parser.on('error', reject)
      parser.on('headers', (headers) => {
        const value = headers.get('subject')
        subject = typeof value === 'string' ? value : null
      })
      parser.on('data', (data: AttachmentStream | MessageText) => {
        if (data.type === 'text') body = data
        else takeAttachment(data, attachments)
      })
      parser.on('end', () =>
        resolve({ subject, text: body?.text ?? null, html: body?.html ?? null, attachments }),
      )
      parser.end(raw)
    }),

  addresses(value) {
    const known = addressCache.get(value)
    if (known !== undefined) return known
    const addresses = parseAddressHeader(value, { decodePunycode: false }).value.flatMap(flattened)
    if (addressCache.size >= MAX_CACHED) addressCache.clear()
    if (value.length <= MAX_CACHED_LENGTH) addressCache.set(value, addresses)
    return addresses
  },
}

/** A mailbox has few correspondents, and its own address in every message. */
const addressCache = new Map<string, MailAddress[]>()
const MAX_CACHED = 1000
const MAX_CACHED_LENGTH = 200

function takeAttachment(data: AttachmentStream, attachments: ParserAttachment[]): void {
  data.content.on('end', () => {
    attachments.push({
      name: data.filename ?? null,
      type: typeOf(data),
      disposition: data.contentDisposition ?? null,
      size: data.size ?? 0,
      sha256: data.checksum ?? '',
    })
    data.release?.()
  })
  data.content.resume()
}

/** Typed as a string, but false for a part whose Content-Type is empty. */
function typeOf({ contentType }: { readonly contentType: unknown }): string {
  return typeof contentType === 'string' && contentType !== ''
    ? contentType.toLowerCase()
    : 'application/octet-stream'
}

/** An empty group stays as its name; a bare local part, which mailparser takes for a name, becomes the address. */
function flattened({ name, address, group }: EmailAddress): MailAddress[] {
  if (group !== undefined && group.length > 0) return group.flatMap(flattened)
  if (group !== undefined) return [{ name, address: '' }]
  if (!address && /^[^\s@"<>,;:]+$/.test(name)) return [{ name: '', address: name }]
  return [{ name, address: address ?? '' }]
}
