/** The values in lines and status texts: entries of listings, capabilities, refusals, and what is shown of them. */
import { MaildrainError } from '../../src/errors.ts'
import { parseCapabilities } from '../../src/pop3/capabilities.ts'
import { ListingGuard, parseListingLine, parseOctets, usableUidl } from '../../src/pop3/listing.ts'
import { classifyRefusal, cleanText, responseCode } from '../../src/pop3/replies.ts'
import { Finding } from './finding.ts'
import { isUidl, readListingLine, readOctets } from './reference.ts'

/** Lines as entries of LIST and UIDL, and as capabilities. */
export function checkLines(lines: readonly string[]): void {
  for (const line of lines) checkValues(line)
  checkGuard(lines)
  const { loginDelaySeconds, expireDays, sasl } = parseCapabilities(lines)
  for (const value of [loginDelaySeconds, expireDays])
    if (value !== null && !(value >= 0)) throw new Finding(`capability of ${value}`)
  if (sasl.some((name) => name !== name.toUpperCase())) throw new Finding('mechanism in lower case')
}

function checkValues(line: string): void {
  const parsed = parseListingLine(line)
  const expected = readListingLine(line)
  if (parsed?.n !== expected?.n || parsed?.rest !== expected?.rest)
    throw new Finding(`line ${JSON.stringify(line)} is ${JSON.stringify(parsed)}`)
  const rest = parsed?.rest ?? ''
  if ((usableUidl(rest, 1024) !== undefined) !== isUidl(rest))
    throw new Finding(`unique-id ${JSON.stringify(rest)}`)
  if (parseOctets(rest) !== readOctets(rest)) throw new Finding(`octets ${JSON.stringify(rest)}`)
}

/** The guard lets pass as many lines as are sound, and not one more. */
function checkGuard(lines: readonly string[]): void {
  const limit = Math.max(1, lines.length - 1)
  const seen = new Set<number>()
  const sound = lines.findIndex((line, index) => {
    const n = readListingLine(line)?.n ?? 0
    if (index >= limit || n < 1 || n > limit || seen.has(n)) return true
    seen.add(n)
    return false
  })
  const guard = new ListingGuard('UIDL', limit, (text) => cleanText(text))
  let passed = 0
  try {
    for (const line of lines) {
      guard.read(line)
      passed += 1
    }
  } catch (error) {
    if (!(error instanceof MaildrainError)) throw error
  }
  const expected = sound < 0 ? lines.length : sound
  if (passed !== expected) throw new Finding(`the guard passed ${passed} lines, not ${expected}`)
}

/** The words of a status line, as a refusal and as something to show. */
export function checkText(text: string): void {
  const shown = cleanText(text, ['secret'])
  if (/[\p{C}\u2028\u2029]/u.test(shown)) throw new Finding(`shown: ${JSON.stringify(shown)}`)
  if (Array.from(shown).length > 200) throw new Finding('shown at length')
  if (shown.includes('secret')) throw new Finding('a secret is shown')
  const code = responseCode(text)
  if (code !== null && !/^[A-Z0-9/._-]{1,64}$/.test(code)) throw new Finding(`code ${code}`)
  for (const context of ['greeting', 'login', 'session'] as const)
    classifyRefusal(text, context, { authRespCode: text.length % 2 === 0 })
}
