/** A promise that is settled from elsewhere, and whose rejection may go unheard. */
export function deferred(): {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
} {
  let resolve = (): void => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // Whoever waits sees the rejection; nobody waits when the connection fails before.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
