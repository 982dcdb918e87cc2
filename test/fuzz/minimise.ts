/** Fewest and shortest inputs that show what a corpus shows beyond others. */
import { BlockCoverage } from './coverage.ts'
import type { Execute } from './fuzzer.ts'

/** @param known what need not be shown again @returns inputs of the corpus, each with something that no other one shows */
export function minimise(
  execute: Execute,
  known: readonly Buffer[],
  corpus: readonly Buffer[],
): Buffer[] {
  const coverage = new BlockCoverage()
  // Twice: which blocks are counted changes while functions are being compiled.
  for (const input of [...known, ...corpus]) execute(input)
  coverage.look()
  const shows = (input: Buffer): Set<string> => {
    const features = execute(input)
    return new Set([...coverage.look(), ...features])
  }
  const seen = new Set(known.flatMap((input) => [...shows(input)]))
  const kept: Buffer[] = []
  for (const input of [...corpus].sort((a, b) => a.length - b.length)) {
    const fresh = [...shows(input)].filter((what) => !seen.has(what))
    if (fresh.length === 0 || input.length === 0) continue
    const short = shorten(input, (shorter) => {
      const shown = shows(shorter)
      return fresh.every((what) => shown.has(what))
    })
    for (const what of fresh) seen.add(what)
    kept.push(short)
  }
  coverage.close()
  return kept
}

/** Takes pieces out, large ones first, as long as what matters is still there. */
function shorten(input: Buffer, isEnough: (shorter: Buffer) => boolean): Buffer {
  let best = input
  for (let size = input.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.length;) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      if (isEnough(shorter)) best = shorter
      else at += size
    }
  }
  return best
}
