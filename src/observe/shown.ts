/** What a server or a record says, safe on a terminal: only printable ASCII as it is, everything else escaped. */

/** Longer unique-ids than RFC 1939 allows (70) exist; whoever needs the rest has the JSON. */
const MAX_SHOWN = 100

/** @param text one character a byte (latin1) or any other string */
export function shown(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
  return cut.replace(/[^ -\u007e…]|\\/g, (character) => {
    const code = character.charCodeAt(0)
    return code < 256
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
