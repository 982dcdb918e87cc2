/** What `--explain` shows. */
import type { Progress } from '../pipeline/receipt.ts'

/** Writes each session's plan once. */
export function explainer(writeLine: (line: string) => void): (progress: Progress) => void {
  let session = 0
  return ({ plan, sessions }) => {
    if (plan === null || sessions === session) return
    session = sessions
    writeLine(`session ${sessions}: ${plan}`)
  }
}
