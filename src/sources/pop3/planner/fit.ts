/**
 * Coefficients of a cost that is a sum of parts. What is made least is the relative error: disturbances of timings go
 * upward and are large, and a relative error hardly sees one session in six that took ten times as long (a cold opening).
 */
export interface Point {
  readonly x: readonly number[]
  /** Must not be 0. */
  readonly y: number
}

export interface Prior {
  /** Believed as long as nothing says otherwise. */
  readonly value: number
  /** Weight of the belief beside one point. */
  readonly weight: number
}

/** A belief of 0 has some width as well. */
const SMALLEST = 1e-6

/** Least squares with a belief a coefficient, none of them negative. */
export function fit(points: readonly Point[], priors: readonly Prior[]): readonly number[] {
  const rows = points.map(({ x, y }) => x.map((value) => value / y))
  // A belief weighs by the share of the cost that its part would explain: without that, seconds would outvote microseconds.
  const pull = priors.map(({ value, weight }, j) => {
    const square = rows.reduce((sum, row) => sum + (row[j] ?? 0) ** 2, 0) / (rows.length || 1)
    return weight * (square > 0 ? square : 1 / Math.max(value, SMALLEST) ** 2)
  })
  const gram = priors.map((_, j) =>
    priors.map(
      (__, k) => dot(rows, (row) => (row[j] ?? 0) * (row[k] ?? 0)) + (j === k ? (pull[j] ?? 0) : 0),
    ),
  )
  const right = priors.map(
    ({ value }, j) => dot(rows, (row) => row[j] ?? 0) + (pull[j] ?? 0) * value,
  )
  let free = priors.map((_, j) => j)
  for (;;) {
    const solved = solve(
      free.map((j) => free.map((k) => gram[j]?.[k] ?? 0)),
      free.map((j) => right[j] ?? 0),
    )
    const lowest = Math.min(0, ...solved)
    if (lowest === 0) return priors.map((_, j) => solved[free.indexOf(j)] ?? 0)
    free = free.filter((_, at) => solved[at] !== lowest)
  }
}

const dot = (
  rows: readonly (readonly number[])[],
  product: (row: readonly number[]) => number,
): number => rows.reduce((sum, row) => sum + product(row), 0)

/** Gaussian elimination; the matrix is positive definite, so that the diagonal serves as pivot. */
function solve(matrix: number[][], right: number[]): number[] {
  const size = right.length
  // Parts differ by a factor of 10^10: brought to a diagonal of ones first.
  const scale = matrix.map((row, i) => 1 / Math.sqrt(row[i] ?? 1))
  const m = matrix.map((row, i) => [
    ...row.map((value, j) => value * (scale[i] ?? 1) * (scale[j] ?? 1)),
    (right[i] ?? 0) * (scale[i] ?? 1),
  ])
  for (let i = 0; i < size; i += 1)
    for (let k = 0; k < size; k += 1) {
      if (k === i) continue
      const factor = (m[k]?.[i] ?? 0) / (m[i]?.[i] ?? 1)
      m[k] = (m[k] ?? []).map((value, j) => value - factor * (m[i]?.[j] ?? 0))
    }
  return m.map((row, i) => ((row[size] ?? 0) / (row[i] ?? 1)) * (scale[i] ?? 1))
}
