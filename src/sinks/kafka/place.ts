/** Where a record is in the data topic, as a ledger entry says it: `partition:offset`. */
export interface Place {
  readonly partition: number
  readonly offset: bigint
}

export const writePlace = ({ partition, offset }: Place): string => `${partition}:${offset}`

/** @returns null for anything else */
export function readPlace(text: string | null): Place | null {
  const match = /^(\d{1,9}):(\d{1,19})$/.exec(text ?? '')
  return match ? { partition: Number(match[1]), offset: BigInt(match[2] ?? 0) } : null
}
