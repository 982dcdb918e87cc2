/**
 * SASLprep (RFC 4013): the one form of a user or password, so that what was typed on two keyboards is equal. Built on the
 * Unicode tables of Node.js, which are newer than those of the RFC: characters that Unicode has got since are let through.
 */

/** RFC 3454 table C.1.2: becomes a space. */
const SPACE = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
/** RFC 3454 table B.1: becomes nothing. */
const NOTHING =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/g

/** Tables C.2.1 to C.9, and unassigned code points, in the order in which they are named to the user. */
const PROHIBITED: readonly (readonly [RegExp, string])[] = [
  [
    /[\p{Cc}\u06dd\u070f\u180e\u2028\u2029\u206a-\u206f\ufff9-\ufffc\u{1d173}-\u{1d17a}]/u,
    'a control character',
  ],
  [/\p{Co}/u, 'a character for private use'],
  [/\p{Cs}/u, 'half of a surrogate pair'],
  [
    /[\ufdd0-\ufdef]|[\u{fffe}\u{ffff}\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}\u{5fffe}\u{5ffff}\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}\u{9fffe}\u{9ffff}\u{afffe}\u{affff}\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}\u{dfffe}\u{dffff}\u{efffe}\u{effff}\u{ffffe}\u{fffff}\u{10fffe}\u{10ffff}]/u,
    'no character of Unicode',
  ],
  [/[\ufffd\u2ff0-\u2ffb]/u, 'a replacement or description character'],
  [/[\u0340\u0341\u200e\u200f\u202a-\u202e]/u, 'a character that changes the direction of text'],
  [/[\u{e0001}\u{e0020}-\u{e007f}]/u, 'a language tag'],
  [/\p{Cn}/u, 'a code point that Unicode has not assigned'],
]

/** Tables D.1 and D.2, by the scripts that are written from right to left. */
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u
const LEFT_TO_RIGHT =
  /(?![\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}])[\p{L}\p{Mc}]/u

export type Prepared =
  | { readonly ok: true; readonly text: string }
  /** What the text holds that it must not, to go on a sentence with. */
  | { readonly ok: false; readonly why: string }

/** Prepares a stored string (RFC 3454 section 7). */
export function saslprep(input: string): Prepared {
  const text = input.replace(NOTHING, '').replace(SPACE, ' ').normalize('NFKC')
  const found = PROHIBITED.find(([characters]) => characters.test(text))
  if (found !== undefined) return { ok: false, why: found[1] }
  return mixesDirections(text)
    ? {
        ok: false,
        why: 'text of both directions, or digits at the edge of text from right to left',
      }
    : { ok: true, text }
}

/** RFC 3454 section 6. */
function mixesDirections(text: string): boolean {
  if (!RIGHT_TO_LEFT.test(text)) return false
  if (LEFT_TO_RIGHT.test(text)) return true
  const characters = Array.from(text)
  return ![characters[0], characters.at(-1)].every((edge) => RIGHT_TO_LEFT.test(edge ?? ''))
}
