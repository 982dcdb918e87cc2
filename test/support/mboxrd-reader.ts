/** Reads an mbox line by line, as its rule is written down in src/restore/mboxrd.ts. */
export function readMboxrd(mbox: Buffer): Buffer[] {
  const messages: Buffer[][] = []
  for (let at = 0; at < mbox.length;) {
    const lf = mbox.indexOf(0x0a, at)
    const end = lf < 0 ? mbox.length : lf + 1
    const line = mbox.subarray(at, end)
    const text = line.toString('latin1')
    if (text.startsWith('From ')) messages.push([])
    else messages.at(-1)?.push(/^>+From /.test(text) ? line.subarray(1) : line)
    at = end
  }
  return messages.map((lines) => {
    const bytes = Buffer.concat(lines)
    if (bytes.at(-1) !== 0x0a) throw new Error('a message is not followed by a line end')
    return bytes.subarray(0, -1)
  })
}
